//! What every store of certificates promises, run on the one in files.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod promises;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use doorward_certificates::{CertificateStore, FileCertificateStore, RecordKind};

use promises::{Shared, key, term};

macro_rules! contract {
    ($($promise:ident)*) => {
        mod file {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    let folder = tempfile::tempdir().unwrap();
                    let path = folder.path().join("acme");
                    crate::promises::$promise(Arc::new(move || Arc::new(FileCertificateStore::new(&path)) as Shared)).await;
                }
            )*
        }
    };
}

contract! {
    a_record_is_read_back_by_every_handle
    kinds_do_not_mix
    what_is_set_aside_is_out_of_the_way
    a_reader_never_sees_half_a_record
    one_of_many_gets_the_lease
    a_lease_that_is_over_is_lost
}

#[tokio::test]
async fn files_are_for_the_server_alone_and_a_damaged_lease_counts_as_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme");
    let store = FileCertificateStore::new(&path);
    store.write(&key(RecordKind::Account, "~1"), b"secret").await.unwrap();
    assert!(store.acquire("a", term(0, 30)).await.unwrap());
    let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("acme"), mode("acme/accounts"), mode("acme/accounts/~1.json")), (0o700, 0o700, 0o600));
    fs::write(path.join("lease.json"), "{half").unwrap();
    assert!(store.acquire("b", term(1, 30)).await.unwrap());
    fs::write(path.join("certificates.note"), "somebody's").unwrap();
    assert!(store.list(RecordKind::Certificate).await.unwrap().is_empty());
}
