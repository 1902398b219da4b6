//! What every engine must do, in the words of the public interface.
//!
//! The suite knows an engine only through [`harness::Harness`]. A new engine implements that and
//! adds one line at the end of this file; nothing in `suite/` may change for it.

// Tests say what must hold by unwrapping it.
#![allow(clippy::unwrap_used)]

mod harness;
mod suite;

use harness::Embedded;

/// Makes a test of each function of the suite for one engine.
macro_rules! conformance {
    ($engine:ident, $harness:ty, { $($module:ident: [$($name:ident),* $(,)?]),* $(,)? }) => {
        mod $engine {
            $(mod $module {
                use super::super::{$harness as Harness, harness::Harness as _, suite};
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $name() {
                        suite::$module::$name(Harness::new()).await;
                    }
                )*
            })*
        }
    };
}

/// All functions of the suite, for one engine.
macro_rules! conformance_of {
    ($engine:ident, $harness:ty) => {
        conformance!($engine, $harness, {
            commits: [
                a_commit_changes_all_its_objects_at_one_revision,
                a_failed_precondition_writes_nothing_and_says_what_was_found,
                the_first_precondition_that_fails_is_the_one_reported,
                of_many_creators_of_one_key_exactly_one_wins,
                no_increment_is_lost_between_concurrent_callers,
                a_guarded_delete_and_a_guarded_create_never_both_win,
                an_object_created_again_has_another_creation,
                deleting_nothing_changes_nothing,
                writing_the_same_value_again_is_a_change,
                a_commit_without_writes_checks_and_answers_the_latest_revision,
                revisions_rise_strictly,
            ],
            limits: [
                a_hundred_writes_and_a_hundred_preconditions_are_allowed_and_one_more_is_not,
                a_mebibyte_is_allowed_and_one_more_byte_is_not,
                the_longest_key_and_value_are_kept_whole_and_longer_ones_are_refused,
                two_writes_of_one_key_are_refused,
                the_keys_of_the_store_itself_are_refused,
            ],
            snapshots: [
                a_read_of_the_past_shows_the_past,
                a_revision_that_is_not_published_is_refused,
                pages_of_one_list_show_one_revision_while_commits_go_on,
                every_page_size_shows_the_same_list,
                a_prefix_shows_its_keys_and_no_others,
                a_page_of_large_rows_ends_early_and_says_that_more_follow,
                random_commits_agree_with_a_simple_model_at_every_revision,
            ],
            watches: [
                a_watch_shows_the_snapshot_its_end_and_then_each_commit_in_order,
                a_watch_shows_only_its_prefixes_and_each_row_once,
                changes_carry_the_values_before_and_after,
                a_large_snapshot_is_one_revision_while_commits_go_on,
                a_resumed_watch_misses_nothing_and_repeats_nothing,
                a_watch_that_does_not_read_slows_nobody_and_loses_nothing,
                a_bookmark_passes_over_commits_that_are_not_watched,
                silence_is_broken_by_bookmarks,
                a_watch_cannot_begin_in_compacted_history_or_in_the_future,
                a_watch_overtaken_by_compaction_is_told_so_and_ends,
                closing_the_store_ends_its_watches,
            ],
            compaction: [
                what_is_kept_reads_as_before_and_what_is_not_is_refused,
                compaction_is_remembered_when_the_store_is_opened_again,
                compaction_never_goes_beyond_what_is_published,
                upkeep_keeps_no_more_commits_than_asked,
                upkeep_forgets_what_is_too_old,
                readers_during_compaction_see_all_or_are_refused,
            ],
            epochs: [
                an_epoch_stays_when_a_store_is_opened_again,
                two_stores_never_share_an_epoch,
                a_restored_store_has_an_epoch_of_its_own,
            ],
            formats: [
                a_store_is_refused_to_a_program_that_is_too_old_and_it_is_told_which_one_reads_it,
                a_format_comes_with_the_first_value_that_needs_it_and_stays,
                a_value_that_the_program_itself_does_not_read_is_refused,
                of_two_handles_that_raise_the_format_at_once_the_higher_stands,
                a_backup_says_its_format_and_carries_it,
            ],
            idempotency: [
                a_repeated_request_is_answered_with_its_first_success,
                another_request_under_the_same_id_is_refused,
                the_same_id_of_another_caller_is_another_request,
                a_request_that_failed_is_not_remembered,
                of_many_copies_of_one_request_exactly_one_takes_place,
                a_request_is_forgotten_when_its_life_is_over,
                a_renewed_request_survives_the_upkeep_that_forgets_the_old_one,
                requests_are_remembered_over_reopening_and_restoring,
            ],
            backups: [
                a_restored_store_holds_what_was_backed_up,
                the_parts_of_a_backup_are_a_whole_backup,
                a_backup_under_load_shows_one_revision,
                a_backup_is_not_disturbed_by_compaction,
                a_damaged_backup_is_refused_and_leaves_nothing_behind,
                a_restore_never_overwrites,
                a_backup_that_cannot_be_written_leaves_nothing_behind,
            ],
            two_handles: [
                what_one_handle_commits_the_other_hears_and_reads,
                a_handle_reads_its_own_writes_however_late_its_watch_is,
                what_refused_a_commit_can_be_read_when_it_returns,
                no_increment_is_lost_between_two_handles_and_none_spins_on_an_old_row,
                the_latest_shows_what_another_handle_wrote_and_the_published_may_not,
                a_page_of_another_handle_is_read_on_here,
                marks_never_go_back_and_nothing_is_heard_that_cannot_be_read,
                watches_of_a_late_handle_miss_nothing_and_repeat_nothing,
                a_token_of_a_faster_handle_is_waited_for,
                a_token_that_does_not_arrive_is_refused_and_can_be_tried_again,
                a_handle_survives_that_another_one_compacts,
                a_request_is_remembered_whichever_handle_it_is_sent_to,
                only_the_handle_that_leads_trims_and_another_goes_on_when_it_is_closed,
                a_handle_that_leads_and_is_silent_is_followed_after_a_life,
                the_commits_of_all_handles_are_counted_and_as_many_kept_as_asked,
                expired_requests_are_forgotten_by_the_handle_that_leads,
                a_backup_of_one_handle_is_not_disturbed_by_the_others_compaction,
                a_hold_that_is_not_renewed_ends_and_its_backup_begins_again,
                what_a_handle_holds_is_given_back_with_its_backup,
                a_handle_that_is_closed_or_dropped_leaves_the_other_open,
            ],
            leases: [
                of_two_handles_one_leads_and_the_other_follows,
                a_lease_that_is_renewed_is_never_taken,
                a_lease_is_taken_when_it_was_seen_unchanged_for_a_whole_life_and_never_at_the_first_look,
                a_holder_that_does_not_renew_stops_leading_by_its_own_clock,
                a_holder_that_lost_its_lease_is_told_so,
                of_many_that_see_a_lease_end_one_takes_it,
                a_lease_that_is_released_is_free_at_once,
                a_lease_costs_three_commits_in_its_life_however_often_it_is_looked_at,
                leases_are_not_backed_up,
                a_store_that_nobody_shares_leads_from_the_start_and_writes_nothing_for_it,
                of_two_handles_that_do_work_one_leads_and_the_other_one_when_it_is_closed,
            ],
            life: [
                what_was_acknowledged_is_there_when_the_store_is_opened_again,
                a_closed_store_refuses_and_says_so,
                a_store_that_is_dropped_can_be_opened_again,
            ],
        });
    };
}

conformance_of!(embedded, Embedded);
