//! Runs the same work on many items in several threads.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Number of threads for CPU-bound work: half of the processors, so that the servers keep the rest.
pub(crate) fn half_of_processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
}

/// Runs `work` on each item, on this thread and up to `threads - 1` others, and returns the results in the order of the items.
/// If threads cannot be created, it uses fewer.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = threads.min(items.len());
    let items = Mutex::new(items.into_iter().enumerate());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        let mut done = Vec::new();
        while let Some((number, item)) = next() {
            done.push((number, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let spawn = |_| {
            thread::Builder::new()
                .spawn_scoped(scope, worker)
                .inspect_err(|error| log::debug!("Cannot create a thread: {error}. Continuing with fewer threads."))
                .ok()
        };
        let others: Vec<_> = (1..threads).map_while(spawn).collect();
        let mut done = worker();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn work_runs_concurrently_and_results_are_in_order() {
        // No call can return before four have started.
        let barrier = Barrier::new(4);
        let double = |number: u32| {
            barrier.wait();
            number * 2
        };
        let numbers = map((0..12).collect(), 4, double);
        assert_eq!(numbers, (0..12).map(|number| number * 2).collect::<Vec<_>>());
    }

    #[test]
    fn one_thread_or_no_items_work() {
        let this = thread::current().id();
        assert!(map(vec![(); 3], 1, |()| thread::current().id()).iter().all(|thread| *thread == this));
        assert!(map(Vec::<u32>::new(), 4, |number| number).is_empty());
    }

    #[test]
    #[should_panic(expected = "two")]
    fn a_panic_is_passed_on() {
        map(vec![1, 2, 3], 3, |number| assert_ne!(number, 2, "two"));
    }
}
