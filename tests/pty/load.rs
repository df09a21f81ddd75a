//! Requests to a server until a test has seen enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use mctop_test_support::server::Server;

/// Requests under way.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Load {
    /// Gets a key of `size` bytes, which expires after some seconds or never, a hundred times at once until it is stopped.
    pub fn start(server: &Server, key: &str, size: usize, lifetime: u32) -> Self {
        let mut client = server.connect();
        assert_eq!(client.ask(&format!("set {key} 0 {lifetime} {size}\r\n{}\r\n", "x".repeat(size))), ["STORED"]);
        let request = format!("get {key}\r\n").repeat(100);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut gets = 0;
            while !stopped.load(Ordering::Relaxed) {
                client.ask(&request);
                gets += 100;
                sleep(Duration::from_millis(5));
            }
            gets
        });
        Self { stop, thread }
    }

    /// Stops; how many requests there were, all of which were answered.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
