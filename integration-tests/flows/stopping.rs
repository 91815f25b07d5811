//! How a process leaves: load balancers are told before the door closes.

use crate::kit::House;
use dinhdanh::app;
use std::net::{SocketAddr, TcpListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The status that a new connection gets for a path.
async fn status(address: SocketAddr, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: id.example.vn\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn x33_readiness_says_no_before_the_listener_closes() {
    let house = House::over(&[("limits.drain_seconds", "100"), ("metrics.enabled", "false")]).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let running = app::serve(house.services.clone(), listener, None).map_err(|error| error.what).unwrap();
    let address = running.address;
    assert_eq!(status(address, "/health/ready").await, 200);
    let mut stop = Box::pin(running.stop());
    tokio::select! {
        biased;
        () = &mut stop => panic!("it stopped without waiting for the balancers"),
        ready = status(address, "/health/ready") => assert_eq!(ready, 503),
    }
    tokio::select! {
        biased;
        () = &mut stop => panic!("it stopped without waiting for the balancers"),
        live = status(address, "/health/live") => assert_eq!(live, 200, "whoever still comes is served"),
    }
}
