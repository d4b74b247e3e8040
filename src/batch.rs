//! Many rows in parallel: the pool, the number of threads, chunks, progress and Ctrl-C.
//!
//! Rows are cut into chunks whose borders do not depend on the number of threads, and each chunk writes its
//! own result, so results are the same bits for any number of threads.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError, mpsc};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::prelude::*;

use crate::error::{Error, Result};

/// How often the calling thread looks up from waiting: short enough for Ctrl-C to feel immediate.
pub const WATCH_INTERVAL: Duration = Duration::from_millis(50);
/// Work below this many vertices is done by the calling thread: waking a pool costs about as much.
const SERIAL_VERTICES: usize = 20_000;
/// Vertices per thread from which starting one for a single pass over them pays.
const SHARED_VERTICES: usize = 50_000;
/// Vertices per chunk: about a millisecond of the slower kernels, so that Ctrl-C waits no longer.
const CHUNK_VERTICES: usize = 32_768;
/// More threads than this only cost memory; larger numbers are taken as this.
const MOST_THREADS: usize = 1024;
/// Environment variable with the default number of threads.
pub const THREADS_VARIABLE: &str = "LESIONGEO_NUM_THREADS";

static DEFAULT_THREADS: AtomicUsize = AtomicUsize::new(0);
static POOL: Mutex<Option<OwnedPool>> = Mutex::new(None);

/// A pool and the process that started its threads.
struct OwnedPool {
    pid: u32,
    threads: usize,
    pool: Arc<ThreadPool>,
}

/// How a batch runs: threads, and who is told about progress.
pub struct Batch<'a> {
    /// Number of threads, at least 1.
    pub threads: usize,
    /// Called from the calling thread every 50 ms with (done, total) items; `false` stops the batch.
    pub watch: &'a dyn Fn(usize, usize) -> bool,
}

impl Batch<'static> {
    /// A batch nobody watches, for Rust callers and tests.
    pub fn unwatched(threads: usize) -> Self {
        Batch { threads: threads.max(1), watch: &|_, _| true }
    }
}

/// Set the default number of threads; `None` returns to the environment variable or the machine.
pub fn set_num_threads(threads: Option<usize>) {
    DEFAULT_THREADS.store(threads.unwrap_or(0), Ordering::Relaxed);
}

/// The number of threads of a call: its own argument, the set default, the environment, the machine.
pub fn num_threads(argument: Option<i64>) -> Result<usize> {
    let allowed = "it is a whole number from 1 up";
    if let Some(threads) = argument {
        return match usize::try_from(threads) {
            Ok(threads) if threads > 0 => Ok(threads.min(MOST_THREADS)),
            _ => Err(Error::Option { name: "threads", value: threads.to_string(), allowed }),
        };
    }
    let set = DEFAULT_THREADS.load(Ordering::Relaxed);
    if set > 0 {
        return Ok(set);
    }
    match std::env::var(THREADS_VARIABLE) {
        Ok(text) if !text.trim().is_empty() => match text.trim().parse::<usize>() {
            Ok(threads) if threads > 0 => Ok(threads.min(MOST_THREADS)),
            _ => Err(Error::Option { name: THREADS_VARIABLE, value: text, allowed }),
        },
        _ => Ok(std::thread::available_parallelism().map_or(1, usize::from)),
    }
}

/// The pool of this process with this many threads.
///
/// A child after `fork` inherits the pool's memory but none of its threads; waiting on it would hang for ever
/// (rayon-rs/rayon#708). So the pool is keyed by process id, and the inherited one is leaked: dropping it would
/// wait for threads that do not exist.
fn pool(threads: usize) -> Result<Arc<ThreadPool>> {
    let build = || {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("lesiongeo-{index}"))
            .build()
            .map(Arc::new)
            .map_err(|error| Error::Internal(format!("threads could not be started: {error}")))
    };
    let pid = std::process::id();
    let mut slot = match POOL.try_lock() {
        Ok(slot) => slot,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        // Held by another thread, or for ever by one that a fork left behind: a pool of one's own always works.
        Err(TryLockError::WouldBlock) => return build(),
    };
    if let Some(owned) = slot.as_ref()
        && owned.pid == pid
        && owned.threads == threads
    {
        return Ok(Arc::clone(&owned.pool));
    }
    let pool = build()?;
    if let Some(old) = slot.replace(OwnedPool { pid, threads, pool: Arc::clone(&pool) })
        && old.pid != pid
    {
        std::mem::forget(old);
    }
    Ok(pool)
}

/// Cut `items` into ranges of about `CHUNK_VERTICES` vertices, given their total.
pub fn chunks(items: usize, vertices: usize) -> Vec<Range<usize>> {
    let mean = vertices / items.max(1) + 4;
    let size = (CHUNK_VERTICES / mean).clamp(1, 8192);
    (0..items).step_by(size).map(|start| start..(start + size).min(items)).collect()
}

/// Run `work` over `parts` and return its results in order. `weight` is the total of vertices (or bytes / 16).
///
/// `work` gets the scratch that `scratch` makes for each part, so that nothing is allocated per row.
pub fn run<P, S, R>(
    batch: &Batch,
    parts: &[P],
    weight: usize,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &P) -> Result<R> + Sync,
) -> Result<Vec<R>>
where
    P: Sync,
    R: Send,
{
    run_beside(batch, parts, weight, scratch, work, || Ok(())).map(|(results, ())| results)
}

/// Like [`run`], and do something else on the calling thread meanwhile: what waits for input, which has to stay on the
/// thread that looks after signals. `beside` calls `batch.watch` itself; with one thread it comes after the parts.
pub fn run_beside<P, S, R, T>(
    batch: &Batch,
    parts: &[P],
    weight: usize,
    scratch: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &P) -> Result<R> + Sync,
    beside: impl FnOnce() -> Result<T>,
) -> Result<(Vec<R>, T)>
where
    P: Sync,
    R: Send,
{
    if batch.threads <= 1 || parts.len() <= 1 || weight < SERIAL_VERTICES {
        return guard(|| Ok((run_here(batch, parts, &scratch, &work)?, beside()?)));
    }
    let pool = pool(batch.threads)?;
    let (done, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (finished, finish) = mpsc::channel();
    std::thread::scope(|scope| {
        let worker = || {
            let result = guard(|| {
                pool.install(|| {
                    parts
                        .par_iter()
                        .with_max_len(1)
                        .map_init(&scratch, |scratch, part| {
                            if stop.load(Ordering::Relaxed) {
                                return Err(Error::Interrupted);
                            }
                            let result = work(scratch, part);
                            done.fetch_add(1, Ordering::Relaxed);
                            result
                        })
                        .collect::<Result<Vec<R>>>()
                })
            });
            // The receiver waits below until this arrives, so it is there.
            let _ = finished.send(());
            result
        };
        let Ok(handle) = std::thread::Builder::new().spawn_scoped(scope, worker) else {
            return Err(Error::Internal("the system refuses to start another thread".into()));
        };
        let aside = guard(beside);
        if aside.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        while finish.recv_timeout(WATCH_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
            if !(batch.watch)(done.load(Ordering::Relaxed), parts.len()) {
                stop.store(true, Ordering::Relaxed);
            }
        }
        let result = handle.join().unwrap_or_else(|_| Err(Error::Internal("a worker died".into())));
        let aside = aside?;
        if stop.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok((result?, aside)) }
    })
}

/// Run `work` over `parts` on the calling thread and threads that live as long as the call, and return the results in
/// order: for passes over memory that are too short to be watched and come before a number of threads is known.
pub fn share<P: Sync, R: Send>(
    threads: usize,
    parts: &[P],
    weight: usize,
    work: impl Fn(&P) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let helpers = threads.min(weight / SHARED_VERTICES).min(parts.len()).saturating_sub(1);
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(place) else { return done };
            done.push((place, work(part)));
        }
    };
    let mut done = std::thread::scope(|scope| {
        // A thread that the system refuses to start is not missed: the others do its work.
        let started: Vec<_> =
            (0..helpers).filter_map(|_| std::thread::Builder::new().spawn_scoped(scope, some).ok()).collect();
        let mut done = some();
        for helper in started {
            match helper.join() {
                Ok(more) => done.extend(more),
                Err(_) => return Err(Error::Internal("a worker died".into())),
            }
        }
        Ok(done)
    })?;
    // In the order of the parts.
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

fn run_here<P, S, R>(
    batch: &Batch,
    parts: &[P],
    scratch: &impl Fn() -> S,
    work: &impl Fn(&mut S, &P) -> Result<R>,
) -> Result<Vec<R>> {
    let mut results = Vec::with_capacity(parts.len());
    let mut scratch = scratch();
    let mut looked = Instant::now();
    for (index, part) in parts.iter().enumerate() {
        results.push(work(&mut scratch, part)?);
        if looked.elapsed() >= WATCH_INTERVAL {
            if !(batch.watch)(index + 1, parts.len()) {
                return Err(Error::Interrupted);
            }
            looked = Instant::now();
        }
    }
    Ok(results)
}

/// A panic in a kernel is a defect; it must reach Python as an ordinary exception, never as `PanicException`.
fn guard<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| payload.downcast_ref::<&str>().copied())
            .unwrap_or("unknown panic");
        Err(Error::Internal(text.to_owned()))
    })
}

/// Run a kernel over rows `0..items` and join the chunks' vectors.
pub fn rows<S, T>(
    batch: &Batch,
    items: usize,
    vertices: usize,
    scratch: impl Fn() -> S + Sync,
    row: impl Fn(&mut S, usize) -> T + Sync,
) -> Result<Vec<T>>
where
    T: Send,
{
    let parts = chunks(items, vertices);
    let results = run(batch, &parts, vertices, scratch, |scratch, range| {
        Ok(range.clone().map(|index| row(scratch, index)).collect::<Vec<T>>())
    })?;
    let mut joined = Vec::with_capacity(items);
    results.into_iter().for_each(|part| joined.extend(part));
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_values_do_not_depend_on_threads() {
        let square =
            |threads| rows(&Batch::unwatched(threads), 50_000, 500_000, || (), |(), i| i * i).unwrap();
        assert_eq!(square(1), square(4));
        assert_eq!(square(4)[49_999], 49_999 * 49_999);
    }

    #[test]
    fn a_panic_becomes_an_error() {
        for threads in [1, 2] {
            let result = rows(
                &Batch::unwatched(threads),
                10_000,
                1_000_000,
                || (),
                |(), i| {
                    assert!(i != 7_777, "row 7777");
                    i
                },
            );
            assert!(matches!(result, Err(Error::Internal(text)) if text.contains("row 7777")));
        }
    }

    #[test]
    fn the_watcher_can_stop_a_batch() {
        for threads in [1, 2] {
            let batch = Batch { threads, watch: &|_, _| false };
            let result =
                rows(&batch, 4_000, 40_000_000, || (), |(), _| std::thread::sleep(Duration::from_millis(1)));
            assert_eq!(result, Err(Error::Interrupted));
        }
    }
}
