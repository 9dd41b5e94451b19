//! `AsyncRead` and `AsyncWrite` for enums of streams.

/// Implements `AsyncRead` and `AsyncWrite` for an enum by forwarding to the stream in each variant.
macro_rules! forward_io {
    ($type:ty { $($(#[$attribute:meta])* $variant:ident),+ $(,)? }) => {
        impl ::tokio::io::AsyncRead for $type {
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut ::tokio::io::ReadBuf<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                match self.get_mut() {
                    $($(#[$attribute])* Self::$variant(io) => ::std::pin::Pin::new(io).poll_read(cx, buf),)+
                }
            }
        }

        impl ::tokio::io::AsyncWrite for $type {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$attribute])* Self::$variant(io) => ::std::pin::Pin::new(io).poll_write(cx, buf),)+
                }
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                match self.get_mut() {
                    $($(#[$attribute])* Self::$variant(io) => {
                        ::std::pin::Pin::new(io).poll_write_vectored(cx, bufs)
                    })+
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $($(#[$attribute])* Self::$variant(io) => io.is_write_vectored(),)+
                }
            }

            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                match self.get_mut() {
                    $($(#[$attribute])* Self::$variant(io) => ::std::pin::Pin::new(io).poll_flush(cx),)+
                }
            }

            fn poll_shutdown(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                match self.get_mut() {
                    $($(#[$attribute])* Self::$variant(io) => ::std::pin::Pin::new(io).poll_shutdown(cx),)+
                }
            }
        }
    };
}

pub(crate) use forward_io;
