//! A stream that counts what its peer sends, so that a silent connection can be closed.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Counts the bytes that the peer has sent.
pub(super) struct Watched<S> {
    stream: S,
    read: Arc<AtomicUsize>,
}

/// How much the peer has sent so far.
#[derive(Clone)]
pub(super) struct Received(Arc<AtomicUsize>);

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Received) {
        let read = Arc::new(AtomicUsize::new(0));
        (Self { stream, read: read.clone() }, Received(read))
    }
}

impl Received {
    /// Whether a whole HTTP/2 preface (24 bytes, RFC 9113 section 3.4) can have arrived.
    pub(super) fn preface(&self) -> bool {
        const PREFACE_LEN: usize = 24;
        self.0.load(Ordering::Relaxed) >= PREFACE_LEN
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.read.fetch_add(buffer.filled().len() - before, Ordering::Relaxed);
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
