//! Where whole values lie in text that arrives piece by piece, found by quotes and curly braces alone.
//!
//! A task is an object. Outside strings curly braces nest, whatever stands between them, so the scan need look at
//! nothing else; whether a value obeys the grammar is for the strict parser. What lies between values is checked
//! here. No byte is looked at twice, however large a value is.

use std::ops::Range;

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
    /// It ended inside the first object, before this byte.
    Ended(usize),
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
}

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
        }
    }

    /// Find the next value. Returns [`Found::More`] once there is none; then call again with more text after it.
    pub(super) fn next(&mut self, text: &[u8]) -> Found {
        loop {
            let ended = match self.state {
                State::Object => self.object(text),
                State::Other(element) => self.other(text, element),
                State::Line => {
                    self.at = find(text, self.at, |byte| byte == b'\n');
                    self.at < text.len()
                }
                State::Lost => return Found::More,
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
        matches!(self.state, State::Object | State::Other(_) | State::Line).then_some(self.start)
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
        if let FirstLine::Ended(at) = &mut self.first_line {
            *at = at.saturating_sub(by);
        }
    }

    /// The text of the pending value was cut away, from its start to the end of the text, which was `len` long.
    pub(super) fn forget(&mut self, len: usize) {
        self.at = self.start + self.at.saturating_sub(len);
        if self.state == State::Object && self.layout == Layout::Objects {
            self.first_line = FirstLine::Spread;
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
                (State::First, b'"' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Some(NO_TASK),
                (State::Next, b'"' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => None,
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
            let from = self.at.min(text.len());
            let line_end = find(text, from, |byte| byte == b'\n');
            if self.braces(&text[..line_end]) {
                return true;
            }
            if line_end == text.len() {
                return false;
            }
            self.first_line = FirstLine::Ended(line_end);
        }
        let FirstLine::Ended(line_end) = self.first_line else { return self.braces(text) };
        let follows = text[line_end..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        let Some(&follows) = follows else { return false };
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

    /// Count braces outside strings.
    fn braces(&mut self, text: &[u8]) -> bool {
        loop {
            if self.string {
                self.at = find(text, self.at, |byte| byte == b'"' || byte == b'\\');
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
            self.at = find(text, self.at, |byte| byte == b'"' || byte == b'{' || byte == b'}');
            let Some(&byte) = text.get(self.at) else { return false };
            self.at += 1;
            match byte {
                b'"' => self.string = true,
                b'{' => self.depth += 1,
                _ => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return true;
                    }
                }
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

/// The first byte from `at` on that is a hit, or the end; never before `at`. Blocks without one are passed at once.
#[inline(always)]
fn find(text: &[u8], at: usize, hit: impl Fn(u8) -> bool) -> usize {
    const NEAR: usize = 24;
    const BLOCK: usize = 64;
    let Some(rest) = text.get(at..) else { return at };
    if let Some(found) = rest.iter().take(NEAR).position(|&byte| hit(byte)) {
        return at + found;
    }
    let mut from = NEAR.min(rest.len());
    for block in rest[from..].as_chunks::<BLOCK>().0 {
        // Without an early exit, so that it becomes a few vector instructions.
        if block.iter().fold(false, |any, &byte| any | hit(byte)) {
            break;
        }
        from += BLOCK;
    }
    at + rest[from..].iter().position(|&byte| hit(byte)).map_or(rest.len(), |found| from + found)
}
