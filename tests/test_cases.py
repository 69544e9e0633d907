"""What users of other systems have lost results by, case by case, and the tests that show that jor does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent

END = "core/runtime/test_job_end.py"
ENGINE = "core/runtime/test_engine.py"
PUBLISHING = "core/runtime/test_publishing.py"
OUTDATED = "integration/test_outdated.py"
CHECK = "integration/test_check.py"
OWN = "integration/test_own_modules.py"
NAMES = "core/runtime/test_names.py"
LEASE = "core/runs/test_lease.py"

#: What happens in a case, and its tests: a file, then names.
CASES = {
    # On one machine, in conda environments and containers
    "an output is still open when execute returns": [
        f"{END} test_output_that_an_interpreter_would_finish_is_whole test_output_that_is_left_open_fails_its_job"
        " test_output_that_a_process_that_lives_on_holds_open_fails_its_job"
    ],
    "a thread goes on writing when execute has returned": [
        f"{END} test_output_that_an_interpreter_would_finish_is_whole"
        " test_thread_that_a_process_that_lives_on_has_left_running_fails_its_job"
    ],
    "a process goes on when execute has returned": [
        f"{END} test_output_that_is_left_open_fails_its_job",
        f"{ENGINE} test_processes_that_a_job_leaves_behind_are_ended"
        " test_processes_that_end_by_themselves_are_not_told",
    ],
    "a job catches Ctrl-C, stops early and returns": [
        f"{ENGINE} test_job_that_ends_well_when_it_is_told_to_stop_is_interrupted"
        " test_job_that_hears_of_the_end_before_its_worker_does_is_interrupted"
    ],
    "jobs write into one folder beside their outputs": [f"{PUBLISHING} test_folders_are_merged"],
    "repeats draw from the generators of NumPy": [
        "core/runtime/test_seeds.py test_global_generators_are_seeded_for_each_job",
        f"{CHECK} test_repeats_draw_their_own_numbers_and_what_they_share_is_told",
    ],
    "two entries have a package of one name": [f"{OWN} test_entries_of_different_folders_have_their_own_packages"],
    "a job module starts threads when it loads": [
        "core/runtime/test_forking.py test_auto_forks_unless_loading_starts_threads",
        f"{CHECK} test_threads_that_loading_starts_are_told_by_check_run_and_status"
        " test_try_that_takes_too_long_is_ended_and_no_error",
    ],
    "a job that writes in place works in another folder": [
        f"{OWN} test_relative_outputs_stay_where_they_are_when_jobs_go_elsewhere"
    ],
    "a parameter is a set": [f"{NAMES} test_names_of_sets_do_not_depend_on_the_seed_of_hashes"],
    "a parameter is a member of an Enum, under two versions of Python": [
        f"{NAMES} test_name_is_the_same_in_every_process_and_python test_name_is_the_same_with_every_numpy"
    ],
    "a control group has less memory than the machine": [
        "core/runtime/test_control_groups.py test_limits_of_version_1_count_on_each_level_beside_version_2"
        " test_limits_of_version_2_count_on_each_level",
        "cli/test_resources.py test_real_group_of_version_1_limits_the_workers",
    ],
    "a job module has a dot in its name": [f"{OWN} test_functions_of_a_job_module_reach_child_processes"],
    "a job module loads here, and not in the environment": [f"{CHECK} test_what_an_environment_cannot_load_is_told"],
    "one container at a time can have an overlay": [
        "integration/test_faults.py test_workers_that_cannot_start_beside_another_leave_the_jobs_to_it"
    ],
    "_jobs is a DataFrame": ["core/runtime/test_loading.py test_list_of_another_kind_is_refused_with_how_to_make_one"],
    # How the promises broke
    "--overwrite-output is interrupted, or fails": [
        f"{OUTDATED} test_interrupted_rerun_is_gone_on_with test_rerun_that_fails_is_told_and_may_be_accepted"
    ],
    "atomic_output = False is taken out of the class": [
        f"{OUTDATED} test_half_output_counts_as_one_when_the_class_writes_in_place_no_more"
    ],
    "a file beside an output has the name of another job's output": [
        f"{PUBLISHING} test_output_of_another_job_is_never_written"
        " test_what_stands_where_outputs_of_others_belong_goes_aside"
    ],
    "a job deletes, moves or locks its staging folder": [
        f"{ENGINE} test_job_that_harms_its_staging_folder_costs_itself_alone"
    ],
    "a job closes all files, leaves another user's process, or uses up all processes": [
        "core/runtime/test_forking.py test_job_that_closes_all_files_harms_no_other test_fork_that_fails_is_tried_again"
        " test_process_of_another_user_left_behind_is_told_and_costs_nobody"
    ],
    "check --try beside a run": [f"{CHECK} test_job_that_nobody_is_running_or_going_to_run_is_tried"],
    "an output is a link into its staging folder": [
        f"{PUBLISHING} test_output_that_is_a_link_to_what_lies_beside_it_becomes_a_file"
    ],
    "empty files lie where outputs belong": [
        f"{OUTDATED} test_empty_output_that_no_record_explains_is_not_done_at_any_time"
    ],
    "a job makes up its final path, and is killed": [
        f"{ENGINE} test_job_that_writes_at_its_final_path_by_itself_is_known_before_it_ends",
        f"{OUTDATED} test_entry_whose_jobs_wrote_at_their_own_final_path_counts_as_not_atomic",
        f"{CHECK} test_job_that_makes_up_its_final_path_is_told_when_it_is_tried",
    ],
    "files beside the job module are named like a library's": [
        f"{OWN} test_no_file_beside_a_job_module_is_a_module_of_jor"
        " test_failing_job_is_told_beside_a_file_called_traceback"
    ],
    "names hold escape sequences": ["integration/test_screen.py test_what_names_hold_reaches_no_terminal"],
    "records are huge, or pipes": ["core/runtime/test_record_files.py test_what_is_no_file_of_jor_is_refused"],
    "the file system has no hard links": [f"{LEASE} test_lease_is_taken_where_there_are_no_hard_links"],
    "what a failed job has left cannot be deleted": [
        f"{ENGINE} test_what_cannot_be_deleted_is_not_published_with_the_next_output"
    ],
    "staging folders of the dead of another host": [
        "core/runs/test_leftovers.py test_who_has_not_been_heard_of_for_long_is_gone",
        "faults/test_unseen.py test_staging_of_the_dead_of_another_host_goes_when_nothing_was_heard_for_long",
    ],
    # On Slurm
    "a line of the prologue fails": [
        "cli/schedulers/test_prologue.py test_line_that_fails_stops_the_task_and_is_told"
        " test_prologue_that_bash_cannot_read_is_refused",
        "cluster/test_states.py test_prologue_that_fails_is_told_by_all_and_is_no_mark_against_a_node",
    ],
    "--overwrite-output while the rerun is queued, or Slurm does not answer": [
        "cluster/test_outdated.py test_rerun_is_seen_throttled_cancelled_and_gone_on_with"
        " test_nothing_is_marked_while_slurm_does_not_answer",
        f"{OUTDATED} test_second_rerun_marks_nothing_while_the_first_runs",
    ],
    # People
    "a job asks for the path of another job's output": [
        f"{ENGINE} test_job_that_writes_the_output_of_another_fails_and_is_told_how"
        " test_job_that_writes_over_the_output_of_another_fails_and_that_is_made_again"
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_each_case_has_its_tests(case: str) -> None:
    assert CASES[case]
    for told in CASES[case]:
        file, *names = told.split()
        text = (HERE / file).read_text()
        assert [name for name in names if not re.search(rf"^def {name}\(", text, re.MULTILINE)] == []
