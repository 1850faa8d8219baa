"""Which test shows which bar of remote faults; "elsewhere" names what lies beyond a backend.

====  ============================================================================================================
bar   tests
====  ============================================================================================================
 41   test_read_only.py::test_nothing_that_changes_anything_is_sent
      test_read_only.py::test_the_same_calls_do_change_something_without_read_only
  3   test_hostile.py::test_no_byte_of_a_hostile_body_is_in_an_error
      test_hostile.py::test_no_byte_of_a_hostile_status_line_or_header_is_in_an_error
      test_hostile.py::test_the_server_a_redirect_names_is_shown_harmlessly
 54   test_leaks.py::test_no_token_and_no_value_is_in_a_url_a_header_of_its_own_or_a_log
      test_leaks.py::test_no_repr_tells_a_token_or_a_value
      test_leaks.py::test_after_closing_no_connection_object_holds_the_token
 55   test_leaks.py::test_a_redirect_is_told_and_followed_by_nothing
      test_leaks.py::test_no_cookie_is_kept
      test_changes.py::test_what_the_server_refuses_was_not_done_and_can_be_done_again
 56   test_leaks.py::test_proxies_netrc_and_certificates_of_the_environment_are_ignored
      test_leaks.py::test_a_certificate_in_the_environment_is_not_trusted
 57   test_leaks.py::test_a_certificate_nobody_vouches_for_is_refused_with_its_reason
      test_leaks.py::test_a_write_over_tls_is_settled_like_any_other
      (elsewhere: the banner of skip_verify)
 58   test_leaks.py::test_a_token_no_header_can_hold_is_refused_before_anything_is_sent
      test_leaks.py::test_the_newline_at_the_end_of_a_token_is_dropped
      test_reads.py::test_a_name_the_header_of_a_namespace_cannot_hold_is_refused_as_such
 59   test_reads.py::test_a_limit_of_two_seconds_is_waited_for
      test_reads.py::test_a_limit_until_a_date_is_waited_for
      test_reads.py::test_a_limit_nobody_would_wait_for_is_told_at_once
      test_reads.py::test_a_limit_without_a_sensible_time_is_waited_for_a_second
      test_reads.py::test_a_limit_that_stays_is_told_after_three_requests
      test_reads.py::test_waiting_for_a_limit_ends_when_the_connection_is_closed
 60   test_reads.py::test_a_read_succeeds_at_the_third_try
      test_reads.py::test_a_replica_that_stays_behind_is_named_within_ten_seconds
      test_reads.py::test_an_answer_that_is_final_is_not_asked_for_again
      test_reads.py::test_a_mount_that_is_being_upgraded_is_waited_for
 61   test_changes.py::test_what_was_not_done_is_told_as_not_done_and_can_be_done_again
      test_changes.py::test_what_was_done_without_an_answer_is_seen_to_be_done
      test_changes.py::test_where_nobody_can_look_afterwards_the_error_says_that_nobody_knows
      test_changes.py::test_a_server_that_does_it_after_we_gave_up_does_it_once
      test_changes.py::test_a_lost_write_that_lost_the_race_is_a_conflict_and_not_sent_again
      test_changes.py::test_our_version_is_found_below_the_one_another_wrote_over_it
      test_changes.py::test_a_write_with_metadata_says_which_half_of_it_is_done
 62   test_reads.py::test_a_stale_write_is_a_conflict_and_overwrites_nothing
      test_reads.py::test_creating_over_a_deleted_secret_is_a_conflict_that_names_the_version_to_build_on
 63   test_reads.py::test_without_versions_a_change_by_another_is_noticed_before_it_is_written_over
      test_reads.py::test_without_versions_a_secret_that_appeared_or_went_is_a_conflict
 64   test_health.py::test_each_health_status_is_a_named_state
      test_health.py::test_the_states_of_a_server_are_told_apart
      test_health.py::test_looking_is_never_an_error
      test_health.py::test_a_sealed_server_is_named_with_one_request_and_used_again_once_it_is_unsealed
      (elsewhere: the screen, and how often it looks)
 65   test_reads.py::test_a_folder_one_may_not_list_is_refused_there_and_told_of_by_a_walk
      test_reads.py::test_an_empty_mount_is_empty_and_a_folder_that_is_not_there_is_missing
      test_reads.py::test_metadata_without_a_version_is_no_secret_but_can_be_written
      test_reads.py::test_deleted_and_destroyed_versions_are_states_and_no_errors
      test_reads.py::test_a_secret_written_as_null_has_no_fields
      test_reads.py::test_values_that_are_no_text_keep_their_types
      test_reads.py::test_five_thousand_keys_in_a_folder_are_all_listed_in_order
      test_reads.py::test_keys_no_path_can_have_are_left_out_and_counted
      test_reads.py::test_an_answer_of_any_shape_is_taken_or_refused_in_our_words
      test_walks.py::test_a_walk_of_500_folders_keeps_its_order_and_tells_each_problem_once
 66   test_bodies.py::test_a_bad_body_is_an_error_by_the_deadline_in_bounded_memory
 67   test_reads.py::test_a_server_that_was_down_is_used_again_without_another_sign_in
      test_reads.py::test_an_expired_token_asks_to_sign_in_again_and_changes_nothing
      test_closing.py::test_calls_under_way_end_as_locked_at_once
      (elsewhere: keys that answer meanwhile, pending edits)
 68   (elsewhere: bulk work)
 69   (elsewhere: rotation)
 70   test_hostile.py::test_a_hostile_name_is_refused_or_addressed_exactly
      test_hostile.py::test_a_hostile_name_above_the_mounts_goes_nowhere_else
      test_hostile.py::test_a_hostile_role_is_refused_or_asked_for_exactly
      test_hostile.py::test_no_path_of_the_api_can_climb
====  ============================================================================================================
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_of_the_table_exists() -> None:
    assert __doc__ is not None
    named = re.findall(r"(test_\w+\.py)::(test_\w+)", __doc__)
    assert len(named) > 40
    for file, test in named:
        tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
        found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in found, f"{file}::{test}"


def test_every_bar_from_54_to_70_is_in_the_table() -> None:
    assert __doc__ is not None
    assert set(range(54, 71)) <= {int(number) for number in re.findall(r"^ (\d\d)   ", __doc__, re.MULTILINE)}
