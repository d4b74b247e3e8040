//! Where whole values lie in text that arrives piece by piece, found by quotes and curly braces alone.
//!
//! A task is an object. Outside strings curly braces nest, whatever stands between them, so the scan need look at
//! nothing else; whether a value obeys the grammar is for the strict parser. What lies between values is checked
//! here. No byte is looked at twice, however large a value is.

use std::ops::Range;

use crate::read::blocks::{BLOCK, Block, Marks, between};
use crate::read::words::{find_brace, find_newline, find_string_stop};

/// What the scan found.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// A whole value.
    Value(Range<usize>),
    /// Nothing whole any more in what there is.
    More,
    /// Here the structure of the file is lost.
    Wrong(usize, &'static str),
}

/// How the values of a file follow each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Layout {
    /// Elements of one list.
    List,
    /// Objects, one after another.
    Objects,
    /// One value per line.
    Lines,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Before the first byte that is no space.
    Begin,
    /// After `[`: a value or `]`.
    First,
    /// After `,`: a value.
    Next,
    /// After an element: `,` or `]`.
    After,
    /// After `]`.
    End,
    /// After an object on its own.
    Between,
    /// Between lines.
    LineStart,
    /// Inside an object.
    Object,
    /// Inside an element that is no object.
    Other(Element),
    /// Inside a line.
    Line,
    /// After something wrong.
    Lost,
    /// Before the next object, wherever it starts.
    Seek,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Element {
    Text,
    List,
    Word,
}

/// What is known of the first line of a file that starts with an object.
#[derive(Clone, Copy, Debug, PartialEq)]
enum FirstLine {
    /// It has not ended yet.
    Open,
    /// It ended inside the first object, before the first of these bytes; up to the second nothing but space follows.
    Ended(usize, usize),
    /// The object goes on: it is spread over lines.
    Spread,
}

/// The state of a scan. Positions count in the text that [`Scan::next`] is given.
#[derive(Debug)]
pub(super) struct Scan {
    state: State,
    layout: Layout,
    /// The next byte to look at; one beyond the text when that is escaped.
    at: usize,
    start: usize,
    depth: usize,
    string: bool,
    first_line: FirstLine,
    /// A list may start with something that is no object.
    lenient: bool,
}

/// Space between a brace and the first quote of an object, at most, where objects are sought.
const MOST_SPACE: usize = 64;

const AFTER_THE_END: &str = "not JSON: something follows after the end";
const NO_VALUE: &str = "not JSON: a value should start here";
const NO_COMMA: &str = "not JSON: ',' or ']' should stand here";
/// What a file holds that starts with neither a list nor an object.
pub(super) const SINGLE: &str = "not an export: the file holds a single value; export as JSON";
/// What a list holds that starts with no object.
pub(super) const NO_TASK: &str =
    "not an export: a task should stand here; in Label Studio choose Export, JSON";

impl Scan {
    pub(super) fn new(at: usize) -> Self {
        Scan {
            state: State::Begin,
            layout: Layout::Objects,
            at,
            start: at,
            depth: 0,
            string: false,
            first_line: FirstLine::Open,
            lenient: false,
        }
    }

    /// Go on where a list starts with something that is no object, if so told; what it is shows an object after it.
    pub(super) fn lenient(self, lenient: bool) -> Self {
        Scan { lenient, ..self }
    }

    /// Find the next value. Returns [`Found::More`] once there is none; then call again with more text after it.
    pub(super) fn next(&mut self, text: &[u8]) -> Found {
        loop {
            let ended = match self.state {
                State::Object => self.object(text),
                State::Other(element) => self.other(text, element),
                State::Line => {
                    self.at = find_newline(text, self.at);
                    self.at < text.len()
                }
                State::Lost => return Found::More,
                State::Seek => {
                    if self.sought(text) {
                        continue;
                    }
                    return Found::More;
                }
                _ => match self.gap(text) {
                    Some(found) => return found,
                    None => continue,
                },
            };
            if !ended {
                return Found::More;
            }
            self.state = match self.layout {
                Layout::List => State::After,
                Layout::Objects => State::Between,
                Layout::Lines => State::LineStart,
            };
            return Found::Value(self.start..self.at);
        }
    }

    /// Where the text starts that a later call needs: that of a value which has not ended.
    pub(super) fn pending(&self) -> Option<usize> {
        matches!(self.state, State::Object | State::Other(_) | State::Line | State::Seek)
            .then_some(self.start)
    }

    /// Whether nothing is known of where the next value starts.
    pub(super) fn seeks(&self) -> bool {
        self.state == State::Seek
    }

    /// Take the next line, and all that follow, for values.
    pub(super) fn seek_lines(&mut self, from: usize) {
        self.layout = Layout::Lines;
        self.seek(from);
    }

    /// Give up the line that does not end.
    pub(super) fn seek_line(&mut self) {
        self.seek(self.at);
    }

    /// Forget what the file was cut into, and look for the next object, or line, from here on.
    pub(super) fn seek(&mut self, from: usize) {
        self.state = State::Seek;
        (self.at, self.start) = (from, from);
        self.first_line = FirstLine::Spread;
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Before anything but space.
    pub(super) fn begins(&self) -> bool {
        self.state == State::Begin
    }

    /// Whether a file may end here, where no value is pending.
    pub(super) fn may_end(&self) -> bool {
        matches!(self.state, State::End | State::Between | State::LineStart | State::Lost)
    }

    /// The text now starts `by` bytes later.
    pub(super) fn shift(&mut self, by: usize) {
        self.at -= by;
        self.start = self.start.saturating_sub(by);
        if let FirstLine::Ended(at, next) = &mut self.first_line {
            (*at, *next) = (at.saturating_sub(by), next.saturating_sub(by));
        }
    }

    /// Go on between values; `None` when a value starts.
    fn gap(&mut self, text: &[u8]) -> Option<Found> {
        loop {
            let Some(&byte) = text.get(self.at) else { return Some(Found::More) };
            let wrong = match (self.state, byte) {
                (State::Between, b'\n') => {
                    // The first object ended on the line where it began.
                    if self.first_line == FirstLine::Open {
                        self.layout = Layout::Lines;
                        self.state = State::LineStart;
                    }
                    self.at += 1;
                    continue;
                }
                (_, b' ' | b'\t' | b'\r' | b'\n') => {
                    self.at += 1;
                    continue;
                }
                (State::Begin, b'[') => {
                    self.layout = Layout::List;
                    self.state = State::First;
                    self.at += 1;
                    continue;
                }
                (State::Begin, b'{') => None,
                (State::Begin, b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Some(SINGLE),
                (State::Begin, _) => Some(NO_VALUE),
                (State::First, b']') | (State::After, b']') => {
                    self.state = State::End;
                    self.at += 1;
                    continue;
                }
                (State::After, b',') => {
                    self.state = State::Next;
                    self.at += 1;
                    continue;
                }
                (State::After, _) => Some(NO_COMMA),
                (State::First | State::Next, b'{') => None,
                (State::First | State::Next, b'"' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => {
                    (self.state == State::First && !self.lenient).then_some(NO_TASK)
                }
                (State::First | State::Next, _) => Some(NO_VALUE),
                (State::Between, b'{') => {
                    // Another one on the line of the first: lines mean nothing.
                    self.first_line = FirstLine::Spread;
                    None
                }
                (State::LineStart, _) => None,
                _ => Some(AFTER_THE_END),
            };
            if let Some(message) = wrong {
                self.state = State::Lost;
                return Some(Found::Wrong(self.at, message));
            }
            self.start = self.at;
            self.state = match (self.state, byte) {
                (State::LineStart, _) => State::Line,
                (_, b'{') => State::Object,
                (_, b'"') => State::Other(Element::Text),
                (_, b'[') => State::Other(Element::List),
                _ => State::Other(Element::Word),
            };
            self.depth = 0;
            self.string = false;
            return None;
        }
    }

    /// Go on to the next object; whether one starts. A brace and a quote after it are one also where quotes were lost, as
    /// in a string the quote would be escaped.
    fn sought(&mut self, text: &[u8]) -> bool {
        if self.layout == Layout::Lines {
            self.at = find_newline(text, self.at);
            self.start = self.at;
            let found = self.at < text.len();
            self.state = if found { State::LineStart } else { State::Seek };
            return found;
        }
        loop {
            let rest = text.get(self.at..).unwrap_or_default();
            self.at += rest.iter().position(|&byte| byte == b'{').unwrap_or(rest.len());
            self.start = self.at;
            let Some([_, inner @ ..]) = text.get(self.at..) else { return false };
            let inner = &inner[..inner.len().min(MOST_SPACE)];
            match inner.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n')) {
                Some(b'"') => {
                    (self.state, self.depth, self.string) = (State::Object, 0, false);
                    return true;
                }
                None if inner.len() < MOST_SPACE => return false,
                _ => self.at += 1,
            }
        }
    }

    /// Go on in an object; whether it ended.
    fn object(&mut self, text: &[u8]) -> bool {
        if self.layout == Layout::Objects && self.first_line != FirstLine::Spread {
            return self.first_object(text);
        }
        self.braces(text)
    }

    /// The first object of a file tells whether its lines are values. Where the first of several lines is damaged, it does
    /// not end on its line, but nobody goes on with an object in the first column unless a bracket, comma or colon
    /// stands before it.
    fn first_object(&mut self, text: &[u8]) -> bool {
        if self.first_line == FirstLine::Open {
            // One back: an escape may have passed a byte that had not arrived.
            let from = self.at.saturating_sub(1).max(self.start);
            let line_end = find_newline(text, from);
            if self.braces(&text[..line_end]) {
                return true;
            }
            if line_end == text.len() {
                return false;
            }
            self.first_line = FirstLine::Ended(line_end, line_end);
        }
        let FirstLine::Ended(line_end, next) = &mut self.first_line else { return self.braces(text) };
        let rest = text.get(*next..).unwrap_or_default();
        let space = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        *next += space.unwrap_or(rest.len());
        let line_end = *line_end;
        let Some(&follows) = text.get(*next) else { return false };
        let last = text[..line_end].iter().rfind(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
        let goes_on = !self.string && matches!(last, Some(b'[' | b'{' | b',' | b':'));
        if follows == b'{' && text[line_end + 1..].first() != Some(&b' ') && !goes_on {
            self.layout = Layout::Lines;
            self.at = line_end;
            return true;
        }
        self.first_line = FirstLine::Spread;
        self.braces(text)
    }

    /// Count braces outside strings; whether the object ended.
    fn braces(&mut self, text: &[u8]) -> bool {
        while let Some(block) = Block::at(text, self.at) {
            if !block.is_marked() {
                self.at += BLOCK;
                continue;
            }
            let Marks { quotes, escapes, opens, closes } = block.marks();
            if escapes != 0 {
                if self.braces_one_by_one(&text[..self.at + BLOCK]) {
                    return true;
                }
                continue;
            }
            let outside = !(between(quotes) ^ if self.string { !0 } else { 0 });
            let (opens, mut closes) = (opens & outside, closes & outside);
            let (opened, closed) = (opens.count_ones() as usize, closes.count_ones() as usize);
            if closed >= self.depth {
                // The object may end here.
                for count in 1..=closed {
                    let at = closes.trailing_zeros();
                    if self.depth + (opens & !(!0 << at)).count_ones() as usize == count {
                        self.at += at as usize + 1;
                        return true;
                    }
                    closes &= closes - 1;
                }
            }
            self.depth = self.depth + opened - closed;
            self.string ^= quotes.count_ones() % 2 == 1;
            self.at += BLOCK;
        }
        self.braces_one_by_one(text)
    }

    /// The same where a string has escapes, and at the end of the text.
    fn braces_one_by_one(&mut self, text: &[u8]) -> bool {
        loop {
            if self.string {
                self.at = find_string_stop(text, self.at);
                match text.get(self.at) {
                    None => return false,
                    Some(b'"') => {
                        self.string = false;
                        self.at += 1;
                    }
                    Some(_) => self.at += 2,
                }
                continue;
            }
            self.at = find_brace(text, self.at);
            let Some(&byte) = text.get(self.at) else { return false };
            self.at += 1;
            match byte {
                b'"' => self.string = true,
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return true;
                    }
                }
                _ => {}
            }
        }
    }

    /// Go on in an element that is no object, which no export has.
    fn other(&mut self, text: &[u8], element: Element) -> bool {
        while let Some(&byte) = text.get(self.at) {
            if element == Element::Word {
                if matches!(byte, b',' | b']' | b'}' | b'[' | b'{' | b'"' | b' ' | b'\t' | b'\r' | b'\n') {
                    return true;
                }
                self.at += 1;
                continue;
            }
            self.at += 1;
            match byte {
                b'\\' if self.string => self.at += 1,
                b'"' => {
                    self.string = !self.string;
                    if !self.string && element == Element::Text {
                        return true;
                    }
                }
                b'[' | b'{' if !self.string => self.depth += 1,
                b']' | b'}' if !self.string => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cut = (Vec<String>, Option<(usize, &'static str)>, Option<usize>, bool);

    /// What is found in a text that arrives in pieces, and the state at its end.
    fn cut(text: &[u8], piece: usize) -> Cut {
        let mut scan = Scan::new(0);
        let mut values = Vec::new();
        let mut arrived = 0;
        loop {
            match scan.next(&text[..arrived]) {
                Found::Value(range) => values.push(String::from_utf8_lossy(&text[range]).into_owned()),
                Found::Wrong(at, message) => return (values, Some((at, message)), None, false),
                Found::More if arrived == text.len() => {
                    let mut pending = scan.pending();
                    if scan.layout() == Layout::Lines {
                        // The last line needs no end.
                        values.extend(
                            pending.take().map(|at| String::from_utf8_lossy(&text[at..]).into_owned()),
                        );
                    }
                    return (
                        values,
                        None,
                        pending,
                        scan.may_end() || pending.is_none() && scan.layout() == Layout::Lines,
                    );
                }
                Found::More => arrived = (arrived + piece).min(text.len()),
            }
        }
    }

    fn values(text: &str) -> Vec<String> {
        let whole = cut(text.as_bytes(), text.len().max(1));
        for piece in 1..text.len() {
            assert_eq!(cut(text.as_bytes(), piece), whole, "{text} in pieces of {piece}");
        }
        assert_eq!(whole.1, None, "{text}");
        whole.0
    }

    #[test]
    fn values_are_found_in_pieces_of_any_size() {
        let strange = r#"{"a":"}{\"\\","b":["]{",{"\\\"}":{}}],"c":"\\\\\\"}"#;
        let long =
            format!(r#"{{"a":"{}\"{}","b":[{}{{}}]}}"#, "x{".repeat(90), "\\".repeat(78), "1,".repeat(111));
        for [a, b] in [["{}", "{}"], [strange, "{}"], ["{}", strange], [strange, &long], [&long, strange]] {
            assert_eq!(values(&format!(" [ {a} ,{b}\n] ")), [a, b]);
            assert_eq!(values(&format!("{a}{b}")), [a, b]);
            assert_eq!(values(&format!("{a}\r\n \n{b}\n")), [a, b]);
            assert_eq!(values(&format!("{a} {b} \n")), [a, b]);
            assert_eq!(values(&format!("{{\n\"o\":{a}}}\n{b}")), [format!("{{\n\"o\":{a}}}"), b.to_owned()]);
        }
        assert_eq!(
            values(r#"[{},7,"a]\",","x",[[],{"a":["]"]}],null,-1.5e3]"#)[1..],
            ["7", r#""a]\",""#, r#""x""#, r#"[[],{"a":["]"]}]"#, "null", "-1.5e3"]
        );
        assert!(values("[]").is_empty());
    }

    #[test]
    fn a_damaged_first_line_is_a_line() {
        for damaged in [r#"{"a":"x"#, r#"{"a":{"b":1}"#, r#"{"a":[1"#, r#"{"a":"x\"#] {
            let text = format!("{damaged}\n{{\"b\":2}}\n{{");
            assert_eq!(values(&text), [damaged, r#"{"b":2}"#, "{"], "{text}");
        }
        // These go on.
        for spread in ["{\n\"a\":[\n{\n}\n]\n}", "{\"a\":\n{}}", "{\"a\":[{},\n{}]}", "{\"a\":[\n\n{}]}"] {
            assert_eq!(values(spread), [spread]);
        }
    }

    #[test]
    fn what_stands_between_values_is_checked() {
        for (text, at) in [
            ("[{} {}]", 4),
            ("[{},]", 4),
            ("[,{}]", 1),
            ("[{}]]", 4),
            ("[{}}]", 3),
            ("{}}", 2),
            ("{},{}", 2),
            ("[{},}", 4),
            ("x", 0),
            ("7", 0),
            ("[7]", 1),
            ("[{}] {", 5),
            ("]", 0),
            ("[{}x", 3),
        ] {
            for piece in 1..=text.len() {
                assert_eq!(cut(text.as_bytes(), piece).1.map(|(at, _)| at), Some(at), "{text}");
            }
        }
        for (text, pending, may_end) in [
            ("[{}", None, false),
            ("[{},", None, false),
            ("[", None, false),
            ("", None, false),
            ("{", Some(0), false),
            ("[{\"", Some(1), false),
            ("{}", None, true),
            ("{}{", Some(2), false),
            ("[{},\"a", Some(4), false),
        ] {
            let (_, wrong, left, end) = cut(text.as_bytes(), 1);
            assert_eq!((wrong, left, end), (None, pending, may_end), "{text}");
        }
    }
}
