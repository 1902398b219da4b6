//! A real application server: it listens on loopback, accepts and closes.
//!
//! Always holds: while it is stopped, its port refuses connections, and nobody else gets that port in the meantime
//! unless the system runs out of ports; after a start it listens on the same port.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{net::TcpListener, task::JoinHandle};

/// An application server under the test's control.
#[derive(Debug)]
pub struct Application {
    address: SocketAddr,
    accepted: Arc<AtomicU64>,
    serving: Option<JoinHandle<()>>,
}

impl Application {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// If the system gives no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut application =
            Self { address: listener.local_addr()?, accepted: Arc::default(), serving: None };
        application.serve(listener);
        Ok(application)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Stops answering: connections are refused from when this returns.
    pub async fn stop(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            let _ = serving.await;
        }
    }

    /// Answers again, on the same port.
    ///
    /// # Errors
    /// If somebody else took the port meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.stop().await;
        let listener = TcpListener::bind(self.address).await?;
        self.serve(listener);
        Ok(())
    }

    fn serve(&mut self, listener: TcpListener) {
        let accepted = self.accepted.clone();
        self.serving = Some(tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                accepted.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    async fn answers(application: &Application, total: u64) {
        TcpStream::connect(application.address()).await.unwrap();
        crate::eventually("the connection is accepted", || async {
            match application.accepted() {
                accepted if accepted == total => Ok(()),
                accepted => Err(format!("{accepted} accepted")),
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_stopped_application_refuses_and_a_restarted_one_answers_on_the_same_port() {
        let mut application = Application::start().await.unwrap();
        answers(&application, 1).await;
        application.stop().await;
        let refused = TcpStream::connect(application.address()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        application.restart().await.unwrap();
        answers(&application, 2).await;
    }
}
