//! What every session store promises, run on each of them: those of one process, and real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "all of this is tests"
)]

mod leases;
mod outages;
mod place;
mod promises;
mod refusals;
mod servers;

macro_rules! promised_by {
    ($place:ident: $($promise:ident)*) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    if let Some(place) = crate::place::$place().await {
                        crate::promises::$promise(place).await;
                    }
                }
            )*
        }
    };
}

macro_rules! contract {
    ($($place:ident)*) => {
        $(promised_by! { $place:
            a_record_is_read_back_as_it_was_written
            kinds_do_not_mix
            a_write_needs_what_it_expects
            a_removal_needs_what_it_expects
            an_expired_record_counts_as_absent
            our_clock_alone_says_what_has_expired
            a_time_without_end_is_kept
            sweeping_removes_what_has_expired_and_nothing_else
            sweeping_comes_to_an_end_with_thousands
            a_record_is_removed_by_exactly_one
            of_writers_with_the_same_version_one_wins
            of_writers_of_nothing_one_wins
            large_and_empty_records_are_kept
            every_byte_of_an_id_and_a_record_counts
            a_list_is_in_order_and_in_pages
            changes_are_told_to_every_replica
            a_replica_sees_at_once_what_another_has_done
            a_session_that_ends_on_one_replica_ends_on_the_others_within_a_second
            a_block_on_one_replica_ends_sessions_on_the_others
            a_session_outlives_the_replica_it_began_on
        })*
    };
}

macro_rules! leased_by {
    ($($place:ident)*) => {
        mod leasing {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $place() {
                    if let Some(place) = crate::place::$place().await {
                        crate::leases::one_replica_at_a_time_holds_a_lease(place).await;
                    }
                }
            )*
        }
    };
}

macro_rules! shared_by {
    ($($place:ident)*) => {
        mod a_refresh_token_is_used_once_by_all_replicas_together {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $place() {
                    if let Some(place) = crate::place::$place().await {
                        crate::promises::a_refresh_token_is_used_once_by_all_replicas_together(place).await;
                    }
                }
            )*
        }
    };
}

// The others are of one process, where no lease is needed.
shared_by! { redis redis_sentinel redis_cluster valkey postgres }

leased_by! { memory file redis redis_cluster valkey postgres }

contract! { memory file redis redis_with_tls redis_sentinel redis_cluster valkey postgres postgres_with_tls }
