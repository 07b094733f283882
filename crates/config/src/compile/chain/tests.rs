//! Chains as people put them into files.

use std::time::{Duration, UNIX_EPOCH};

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::*;

fn params(name: &str, is_authority: bool, ends: i32) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(ends, 1, 1);
    params.use_authority_key_identifier_extension = true;
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

fn der(certificate: &Certificate) -> CertificateDer<'static> {
    certificate.der().clone()
}

/// 2027-01-15
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// Root, intermediate and leaf; and the leaf's public key.
fn three() -> ([CertificateDer<'static>; 3], Vec<u8>) {
    let [root_key, middle_key, leaf_key] = [(); 3].map(|()| KeyPair::generate().unwrap());
    let root = params("root", true, 2100).self_signed(&root_key).unwrap();
    let root_issuer = Issuer::new(params("root", true, 2100), root_key);
    let middle = params("middle", true, 2100).signed_by(&middle_key, &root_issuer).unwrap();
    let middle_issuer = Issuer::new(params("middle", true, 2100), middle_key);
    let leaf = params("leaf", false, 2100).signed_by(&leaf_key, &middle_issuer).unwrap();
    ([der(&root), der(&middle), der(&leaf)], leaf_key.public_key_raw().to_vec())
}

#[test]
fn every_order_becomes_the_one_that_is_sent() {
    let (all, public) = three();
    let [root, middle, leaf] = all.clone();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let given = order.map(|index| all[index].clone());
        let arranged = arrange(&given, &public, now()).unwrap();
        assert_eq!(arranged.chain, [leaf.clone(), middle.clone(), root.clone()]);
        assert_eq!(arranged.unrelated, 0);
    }
    let arranged = arrange(&[leaf.clone(), middle.clone(), leaf.clone(), middle.clone()], &public, now()).unwrap();
    assert_eq!((arranged.chain, arranged.unrelated), (vec![leaf, middle], 0), "what is there twice is sent once");
}

#[test]
fn what_is_not_of_the_chain_is_left_out() {
    let (all, public) = three();
    let (others, _) = three();
    let [root, middle, leaf] = all;
    // Its names are the same, but its key is not that of whoever issued the leaf.
    let given = [others[1].clone(), others[2].clone(), middle.clone(), root.clone(), leaf.clone()];
    let arranged = arrange(&given, &public, now()).unwrap();
    assert_eq!(arranged.chain, [leaf, middle, root]);
    assert_eq!(arranged.unrelated, 2);
}

#[test]
fn of_an_old_and_a_renewed_certificate_the_valid_one_is_taken() {
    let key = KeyPair::generate().unwrap();
    let old = der(&params("leaf", false, 2026).self_signed(&key).unwrap());
    let new = der(&params("leaf", false, 2100).self_signed(&key).unwrap());
    let arranged = arrange(&[old.clone(), new.clone()], key.public_key_raw(), now()).unwrap();
    assert_eq!(arranged.chain.first(), Some(&new));
    let late = UNIX_EPOCH + Duration::from_secs(10_000_000_000);
    assert_eq!(arrange(&[old.clone(), new], key.public_key_raw(), late).unwrap().chain.first(), Some(&old));
}

#[test]
fn an_authority_that_two_others_vouch_for_is_sent_with_both() {
    let [leaf_key, middle_key, one_key, two_key] = [(); 4].map(|()| KeyPair::generate().unwrap());
    let leaf_public = leaf_key.public_key_raw().to_vec();
    let signed_by = |name: &str, key| {
        params("middle", true, 2100).signed_by(&middle_key, &Issuer::new(params(name, true, 2100), key))
    };
    let (by_one, by_two) = (signed_by("one", one_key).unwrap(), signed_by("two", two_key).unwrap());
    let middle = Issuer::new(params("middle", true, 2100), &middle_key);
    let leaf = params("leaf", false, 2100).signed_by(&leaf_key, &middle).unwrap();
    let arranged = arrange(&[der(&by_two), der(&leaf), der(&by_one)], &leaf_public, now()).unwrap();
    assert_eq!(arranged.chain, [der(&leaf), der(&by_two), der(&by_one)]);
}

#[test]
fn damage_and_strangers_are_told() {
    let (all, public) = three();
    let broken = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
    assert_eq!(arrange(&[all[2].clone(), broken], &public, now()).unwrap_err(), Unusable::Damaged(2));
    assert_eq!(arrange(&all, &[1, 2, 3], now()).unwrap_err(), Unusable::NotOfKey);
    assert_eq!(arrange(&[], &public, now()).unwrap_err(), Unusable::NotOfKey);
}
