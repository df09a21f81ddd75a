//! memcached as a proxy (`-o proxy_config`): requests that it routes to other servers are not seen, which is noted; lookups in
//! its own cache are.

use mctop_test_support::expected::Expected;
use mctop_test_support::observer::Observer;
use mctop_test_support::program::run;
use mctop_test_support::server::{self, Server};
use mctop_test_support::version::{ONE_PARSER, PROXY_GENERATORS};

/// Keys in `here` are looked up in the proxy's own cache, those in `after` too, but only when the other server has answered;
/// the others are routed to the other server.
const ROUTES: &str = r#"
function mcp_config_pools()
  return mcp.pool({ mcp.backend("other", "127.0.0.1", "PORT") })
end
function mcp_config_routes(pool)
  local routes = mcp.funcgen_new()
  local other = routes:new_handle(pool)
  routes:ready({ f = function(context)
    return function(request)
      local key = request:key()
      if string.sub(key, 1, 4) == "here" then return mcp.internal(request) end
      local answer = context:enqueue_and_wait(request, other)
      if string.sub(key, 1, 5) == "after" then return mcp.internal(request) end
      return answer
    end
  end })
  mcp.attach(mcp.CMD_ANY_STORAGE, routes)
end
"#;

/// A proxy and the server that it routes to, if this memcached can be one.
fn proxy() -> Option<(Server, Server, tempfile::TempDir)> {
    if !Expected::has(Expected::here().proxy, "the proxy, which it was not built with") {
        return None;
    }
    let other = Server::start(&[]);
    if !other.has(PROXY_GENERATORS, "routes by generators") {
        return None;
    }
    let (directory, inside) = server::directory();
    let routes = ROUTES.replace("PORT", &other.port().to_string());
    std::fs::write(directory.path().join("routes.lua"), routes).unwrap();
    let proxy = Server::start(&["-o", &format!("proxy_config={inside}/routes.lua")]);
    Some((proxy, other, directory))
}

/// Every kind of request once.
fn requests(key: &str) -> [String; 9] {
    [
        "set K 0 0 5\r\nhello\r\n",
        "get K\r\n",
        "get K K-absent\r\n",
        "mg K v\r\n",
        "mg K s\r\n",
        "append K 0 0 1\r\n!\r\n",
        "incr K-absent 1\r\n",
        "touch K 0\r\n",
        "delete K\r\n",
    ]
    .map(|request| request.replace('K', key))
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn own_lookups_are_counted_and_routed_requests_are_not() {
    let Some((proxy, other, _routes)) = proxy() else { return };
    let observer = Observer::start(&proxy, &[]);
    proxy.connect().ask(&requests("here").concat());
    proxy.connect().ask(&requests("there").concat());
    let document = observer.finish();
    document.assert_whole();
    let counts = |key| document.counts(key, ["hits", "misses", "sets", "deletes", "other", "bytes_out", "bytes_in"]);
    let notes = document.0["targets"][0]["notes"].to_string();
    assert!(notes.contains("requests that it routes to other servers are not seen"), "{notes}");
    if proxy.version() >= ONE_PARSER {
        assert_eq!(counts("here"), [4, 0, 2, 1, 1, 15, 6]);
        assert_eq!(counts("here-absent"), [0, 1, 0, 0, 1, 0, 0]);
    } else {
        assert_eq!(counts("here"), [0, 0, 2, 0, 6, 0, 6]);
        assert_eq!(counts("here-absent"), [0, 0, 0, 0, 2, 0, 0]);
        assert!(notes.contains("except for stores, count as OTHER"), "{notes}");
    }
    assert_eq!(document.total("calls"), 10, "{:#}", document.0["keys"]);
    assert_eq!(other.stats()["cmd_set"], 2);
}

/// The other server itself sees them.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn routed_requests_are_seen_at_their_server() {
    let Some((proxy, other, _routes)) = proxy() else { return };
    let observer = Observer::start(&other, &[]);
    proxy.connect().ask(&requests("there").concat());
    let document = observer.finish();
    let there = document.counts("there", ["hits", "sets", "deletes", "other"]);
    assert_eq!((there, document.total("calls")), ([4, 2, 1, 1], 10));
}

/// After that, the connection's input does not begin with the request: keys, stores and sizes are still right, and the probes
/// still valid.
#[test]
#[ignore = "needs root, eBPF and memcached"]
fn lookups_after_another_server_has_answered_are_counted() {
    const ROUNDS: u64 = 20;
    let Some((proxy, _other, _routes)) = proxy() else { return };
    let observer = Observer::start(&proxy, &[]);
    let mut client = proxy.connect();
    for _ in 0..ROUNDS {
        for request in requests("after") {
            // One at a time, so that none follows on the connection.
            client.ask(&request);
        }
    }
    let document = observer.finish();
    document.assert_whole();
    assert_eq!(document.total("calls"), 10 * ROUNDS);
    assert_eq!((document.total("sets"), document.total("bytes_in")), (2 * ROUNDS, 6 * ROUNDS));
    assert_eq!(document.key("after-absent")["calls"], 2 * ROUNDS);
}

#[test]
#[ignore = "needs root, eBPF and memcached"]
fn the_doctor_notes_that_routed_requests_are_not_seen() {
    let Some((proxy, _other, _routes)) = proxy() else { return };
    let pid = proxy.pid().to_string();
    let document = run(&["doctor", "--json", "--pid", &pid]).document();
    let problems = document["problems"].to_string();
    assert!(problems.contains("requests that it routes to other servers are not seen"), "{problems}");
}
