//! The same work on many things by several threads.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many threads computing is shared out to: half of the processors, so that the others are the servers' meanwhile.
#[must_use]
pub fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
}

/// Does `work` on each of the items, on this thread and up to `threads - 1` others, and returns what came of each, in their
/// order. Where no more threads can be had, it does so on fewer.
pub fn map<T: Send, R: Send>(items: Vec<T>, threads: usize, work: impl Fn(T) -> R + Sync) -> Vec<R> {
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
                .inspect_err(|error| log::debug!("There are fewer threads than wanted: {error}."))
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
    fn work_is_done_at_the_same_time_and_in_order() {
        // None ends before four have begun.
        let barrier = Barrier::new(4);
        let double = |number: u32| {
            barrier.wait();
            number * 2
        };
        let numbers = map((0..12).collect(), 4, double);
        assert_eq!(numbers, (0..12).map(|number| number * 2).collect::<Vec<_>>());
    }

    #[test]
    fn one_thread_and_no_work_are_enough() {
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
