//! The file store for those who may wait for the disk: each future is done when it is asked.

use std::path::Path;

use futures_util::future::{BoxFuture, ready};

use super::file::Folder;
use super::{CertificateStore, RecordBytes, RecordKey, RecordKind, StoreError, Term};

/// A [`FileCertificateStore`](super::FileCertificateStore) that needs no runtime.
#[derive(Debug)]
pub(crate) struct Waiting(Folder);

impl Waiting {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(Folder::new(folder))
    }
}

impl CertificateStore for Waiting {
    fn read<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<RecordBytes>, StoreError>> {
        Box::pin(ready(self.0.read(key)))
    }

    fn write<'a>(&'a self, key: &'a RecordKey, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(ready(self.0.write(key, bytes)))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(ready(self.0.remove(key)))
    }

    fn set_aside<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(ready(self.0.set_aside(key)))
    }

    fn list(&self, kind: RecordKind) -> BoxFuture<'_, Result<Vec<RecordKey>, StoreError>> {
        Box::pin(ready(self.0.list(kind)))
    }

    fn acquire<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(ready(self.0.acquire(holder, term)))
    }

    fn renew<'a>(&'a self, holder: &'a str, term: Term) -> BoxFuture<'a, Result<bool, StoreError>> {
        Box::pin(ready(self.0.renew(holder, term)))
    }

    fn release<'a>(&'a self, holder: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(ready(self.0.release(holder)))
    }
}
