//! The servers of these tests are what the tests take them for.

use std::time::Duration;

use aether_store_jetstream::async_nats;

use crate::support::eventually;
use crate::support::server::Server;

#[tokio::test]
async fn a_server_of_ones_own_is_killed_paused_and_restarted_at_the_same_address() {
    let mut server = Server::start().await;
    let url = server.url().to_owned();
    let client = async_nats::connect(&url).await.unwrap();
    let answers = async || {
        let answer = client.request("$JS.API.INFO", "".into());
        let answer = tokio::time::timeout(Duration::from_millis(300), answer).await;
        matches!(answer, Ok(Ok(_)))
    };
    assert!(answers().await);
    server.pause();
    assert!(!server.is_running());
    assert!(!answers().await);
    server.resume();
    assert!(server.is_running());
    eventually("it answers again", answers).await;
    for end in [Server::kill, Server::stop] {
        server.pause();
        end(&mut server);
        assert!(!server.is_running());
        assert!(std::net::TcpStream::connect(url.trim_start_matches("nats://")).is_err());
        server.restart().await;
        assert_eq!(server.url(), url);
        eventually("it answers again", answers).await;
    }
}
