//! The clients of a key and the latencies of its answers on the screen, from real probes.

use mctop_test_support::server::Server;
use mctop_test_support::terminal::Terminal;

const KEY: &str = "clients:of:this";

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn clients_are_named_with_their_calls_and_every_answer_is_timed() {
    let server = Server::start(&[]);
    assert_eq!(server.connect().ask(&format!("set {KEY} 0 0 3\r\nabc\r\n")), ["STORED"]);
    let mut terminal = Terminal::run(&["--pid", &server.pid().to_string(), "-i", "500ms"]);
    terminal.resize(40, 120);
    terminal.wait("the table", |terminal| {
        server.connect().ask(&format!("get {KEY}\r\n"));
        terminal.rows().iter().any(|row| row.starts_with(KEY))
    });
    terminal.press("g\r");
    terminal.wait_for("measured for ");
    for (client, calls) in [(2, 10), (3, 20), (4, 30)] {
        let mut client = server.connect_from([127, 0, 0, client].into());
        for _ in 0..calls {
            client.ask(&format!("get {KEY}\r\n"));
        }
    }
    terminal.wait_for("60 calls from 3 clients");
    terminal.press("\t");
    terminal.wait("each client with its connections and calls", |terminal| {
        let text = terminal.text();
        [("127.0.0.2", "10"), ("127.0.0.3", "20"), ("127.0.0.4", "30")].into_iter().all(|(client, calls)| {
            text.lines().any(|line| {
                let cells: Vec<&str> = line.split_whitespace().collect();
                matches!(cells[..], [first, connections, counted, ..] if (first, connections, counted) == (client, "1", calls))
            })
        })
    });
    // A half-drawn frame does not count.
    terminal.wait("the histogram's steps, each with its count at the end, which make up all of them", |terminal| {
        let text = terminal.text();
        let steps = text.lines().filter(|line| line.contains("≤") && !line.contains("LATENCY"));
        let counts = steps.filter_map(|line| line.split_whitespace().next_back()?.parse::<u64>().ok());
        (counts.sum::<u64>(), text.contains("unanswered")) == (60, false)
    });
    terminal.quit();
}
