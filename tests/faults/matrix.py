"""Which fault is to leave which promises standing, and the tests that prove it. The noxfile reads it as well."""

from __future__ import annotations

from typing import NamedTuple

#: What jor promises, by the word that the matrix calls it.
PROMISES = {
    "whole": "A complete output is never lost, cut short, or shown before it is complete (by a power loss: with `fsync`)",
    "once": "No job runs twice at once because of jor",
    "kept": "No job is forgotten: each is done, or told as failed, interrupted, queued, running, missing or unknown",
    "known": "No state is guessed: what cannot be asked is unknown",
    "told": "Every refusal says what happened, where, and what to do",
    "data": "Nothing that a todo-list, a config, a name, a parameter or a record holds is executed",
}


class Row(NamedTuple):
    """A fault, the promises that it must not break, and the tests that show it: file below tests/, then names."""

    fault: str
    promises: str
    tests: dict[str, str]


ARRAY = "core/runtime/test_array_task.py"
BAD = "integration/test_bad_input.py"
CHECK = "integration/test_check.py"
CLEASES = "cluster/test_clocks.py"
CLUSTER = "cluster/test_faults.py"
COLLECT = "integration/test_collect.py"
CONTROLLER = "cluster/test_controller.py"
CROWDS = "faults/test_crowds.py"
DISKS = "faults/test_disks.py"
ENGINE = "core/runtime/test_engine.py"
FOLDING = "cli/actions/test_folding.py"
FORKING = "core/runtime/test_forking.py"
ENVIRONMENTS = "faults/test_environments.py"
FAULTS = "integration/test_faults.py"
FORGETFUL = "cluster/test_forgetful.py"
FUZZ = "faults/test_fuzz.py"
JOB_END = "core/runtime/test_job_end.py"
KILLS = "faults/test_kills.py"
LOAD = "faults/test_load.py"
LEASE = "core/runs/test_lease.py"
MODULES = "faults/test_modules.py"
NETWORKS = "faults/test_networks.py"
OWN = "integration/test_own_modules.py"
OPTIONS = "slurm/test_options.py"
OUTDATED = "integration/test_outdated.py"
OTHERS = "cluster/test_others.py"
PUBLISHING = "core/runtime/test_publishing.py"
STATES = "cluster/test_states.py"
SUBMISSION = "cluster/test_submission.py"
LIFETIME = "core/runtime/test_lifetime.py"
TRUST = "faults/test_trust.py"
UNITS = "slurm/test_units.py"
UNSEEN = "faults/test_unseen.py"
UNKNOWN = "cli/schedulers/test_unknown.py"

MATRIX = (
    # Kills and signals, on this machine
    Row("run, worker, host or job killed at any call, or at any time", "whole once kept", {KILLS: "test_process_killed_at_any_call_costs_its_job_at_most test_worker_host_or_job_killed_at_any_time_costs_its_job_at_most", FAULTS: "test_killed_command_costs_the_running_jobs_only test_killed_process_costs_its_job_only test_killed_worker_is_replaced_and_its_job_reported"}),
    Row("run killed at any time, run again at once", "whole once kept", {KILLS: "test_command_killed_at_any_time_may_run_again_at_once test_worker_that_outlives_its_command_is_waited_for test_worker_begins_no_job_when_its_command_is_dead", FAULTS: "test_nothing_outlives_a_killed_command"}),
    Row("submission killed at each call", "whole kept known", {KILLS: "test_submission_killed_at_each_call_is_whole_or_none test_submission_that_was_never_finished_is_deleted_in_time"}),
    Row("array task killed at any call, run again by Slurm", "whole once kept", {KILLS: "test_array_task_killed_at_any_call_goes_on_in_its_next_attempt test_array_task_killed_while_it_claims_its_task_is_waited_for_and_replaced", ARRAY: "test_later_attempt_goes_on_with_what_was_interrupted_and_leaves_what_failed"}),
    Row("status killed at any time", "whole", {KILLS: "test_status_killed_at_any_time_changes_nothing"}),
    Row("collect killed at each call", "whole told", {KILLS: "test_collect_killed_at_each_call_is_done_by_the_next"}),
    Row("Ctrl-C, SIGTERM, SIGHUP, once and twice", "whole kept", {FAULTS: "test_signal_stops_the_run_cleanly test_next_run_completes_what_a_signal_has_stopped test_second_ctrl_c_kills_at_once"}),
    Row("job that ignores signals, forks, or harms its host", "whole once", {FAULTS: "test_job_that_ignores_signals_is_killed_after_the_grace_period test_jobs_cannot_harm_each_other", ENGINE: "test_processes_that_a_job_leaves_behind_are_ended"}),
    Row("job module that starts threads when it loads", "kept told", {FORKING: "test_auto_forks_unless_loading_starts_threads test_notice_tells_threads_cost_and_remedies", "integration/test_check.py": "test_threads_that_loading_starts_are_told_by_check_run_and_status"}),
    Row("no room for a process: EAGAIN, ENOMEM of fork", "kept told", {FORKING: "test_fork_that_fails_is_tried_again test_job_that_cannot_be_started_fails_alone_with_the_reason test_run_that_is_stopped_waits_for_no_process", "core/local/test_scheduler.py": "test_worker_for_which_there_is_no_room_is_waited_for"}),
    Row("job that closes all files, or leaves a process that cannot be killed", "whole kept told", {FORKING: "test_job_that_closes_all_files_harms_no_other test_job_that_closes_all_files_and_runs_on_is_stopped_in_time test_process_of_another_user_left_behind_is_told_and_costs_nobody"}),
    Row("job that kills its worker, or the run, each time", "kept", {FAULTS: "test_job_that_kills_the_run_is_begun_last_by_the_next", STATES: "test_job_that_kills_its_worker_costs_no_job_behind_it"}),
    Row("limits of memory and CPUs: control groups, a Slurm allocation", "kept told", {"core/runtime/test_control_groups.py": "test_limits_of_version_2_count_on_each_level test_limits_of_version_1_count_on_each_level_beside_version_2 test_container_that_sees_its_own_group_alone_is_limited test_what_cannot_be_read_limits_nothing", STATES: "test_local_run_in_an_allocation_has_what_that_has"}),
    Row("check --try beside a run, or of a job that hangs", "once told", {"integration/test_check.py": "test_try_that_takes_too_long_is_ended_and_no_error test_job_that_nobody_is_running_is_tried test_no_job_is_tried_while_all_are_running"}),
    Row("job that raises, crashes, writes no file, behaves oddly", "kept once", {ENGINE: "test_job_that_goes_wrong_fails_alone_with_the_reason test_job_that_behaves_oddly_and_writes_its_output_is_done test_empty_output_of_a_job_that_ended_well_is_an_output test_job_that_has_stopped_itself_ends_with_the_signal_to_its_worker test_job_that_crashes_and_leaves_a_process_behind_fails_alone test_half_an_output_of_a_failed_job_is_never_seen", FAULTS: "test_folder_where_an_output_belongs_fails_its_job_only"}),
    Row("output that is still open when execute returns: files, threads, executors, processes", "whole told", {JOB_END: "test_output_that_an_interpreter_would_finish_is_whole test_output_that_is_left_open_fails_its_job test_output_that_a_process_that_lives_on_holds_open_fails_its_job test_log_that_is_left_open_beside_the_output_is_told test_thread_that_does_not_end_is_told_and_then_fails_its_job", ENGINE: "test_process_that_is_gone_after_execute_fails_its_job"}),
    Row("job that ends well when it is told to stop", "whole", {ENGINE: "test_job_that_ends_well_when_it_is_told_to_stop_is_interrupted"}),
    Row("files, folders and outputs of others beside an output", "whole told", {PUBLISHING: "test_folders_are_merged test_same_file_beside_two_outputs_is_no_conflict test_other_file_goes_aside_and_replaces_nothing test_file_where_a_folder_belongs_and_the_other_way_round_goes_aside test_file_that_the_user_has_put_there_stands test_output_of_another_job_is_never_written test_output_of_a_job_of_another_entry_is_never_written test_job_that_is_made_again_replaces_what_it_put_there_itself", ENGINE: "test_job_that_writes_the_output_of_another_fails_and_is_told_how test_output_that_was_there_before_is_not_a_jobs_that_wrote_nothing"}),
    Row("outputs that are links into staging", "whole told", {PUBLISHING: "test_output_that_is_a_link_to_what_lies_beside_it_becomes_a_file test_output_that_is_a_link_to_what_another_job_is_writing_is_none"}),
    Row("staging folder that a job deletes, moves, locks, or fills with what stays", "whole kept", {ENGINE: "test_job_that_harms_its_staging_folder_costs_itself_alone test_what_cannot_be_deleted_is_not_published_with_the_next_output test_job_that_failed_at_its_end_has_what_it_made_kept_until_it_is_done"}),
    Row("job that makes up its final path", "whole told", {ENGINE: "test_job_that_writes_at_its_final_path_by_itself_is_told test_job_that_writes_at_its_final_path_by_itself_is_known_before_it_ends"}),
    Row("job killed that writes in place", "whole kept", {FAULTS: "test_half_that_a_killed_job_has_written_in_place_is_no_output_until_it_is_completed", "core/runtime/test_remote_jobs.py": "test_collect_is_called_by_the_command_that_travels_with_the_outputs_that_are_complete"}),
    Row("job module that is odd, lists what cannot be, parameters of any kind", "kept told data", {MODULES: "test_job_module_that_is_odd_disturbs_nothing test_job_module_that_ignores_signals_is_stopped_by_them test_list_of_jobs_that_cannot_be_is_refused_at_once test_parameter_of_any_kind_is_run_and_shown"}),
    Row("entries of different folders with modules of one name, imported at once or later", "whole", {OWN: "test_entries_of_different_folders_have_their_own_packages test_notebook_reads_packages_again_that_have_been_edited", "core/runtime/test_own_modules.py": "test_each_folder_has_its_own_modules_also_later test_constructor_and_lazy_jobs_import_their_own_modules_later test_link_to_a_job_module_imports_what_lies_beside_either"}),
    Row("files beside a job module that are called like modules of Python or jor", "told kept", {OWN: "test_no_file_beside_a_job_module_is_a_module_of_jor test_notebook_that_imports_from_its_folder_leaves_the_modules_of_jor_alone test_failing_job_is_told_beside_a_file_called_traceback test_job_module_that_needs_its_own_statistics_is_listed_as_in_jobs", "core/runtime/test_own_modules.py": "test_where_jobs_run_a_file_comes_before_the_library", SUBMISSION: "test_collect_follows_by_itself"}),
    Row("job module called like no module, its functions in child processes", "kept", {OWN: "test_functions_of_a_job_module_reach_child_processes", "core/runtime/test_own_modules.py": "test_what_a_module_defines_can_be_pickled_and_is_found_by_other_processes"}),
    Row("values whose text differs between processes, Pythons, NumPys", "kept told", {"core/runtime/test_names.py": "test_name_is_the_same_in_every_process_and_python test_name_is_the_same_with_every_numpy test_names_of_sets_do_not_depend_on_the_seed_of_hashes test_value_with_an_address_is_refused_with_a_remedy test_name_is_as_ever_where_it_was_the_same_in_every_process", "core/runtime/test_run_folder.py": "test_changed_job_is_refused_with_what_has_changed", "integration/test_status.py": "test_outputs_under_former_names_are_told"}),
    Row("job that changes its directory, with a relative output folder", "whole", {OWN: "test_relative_outputs_stay_where_they_are_when_jobs_go_elsewhere"}),
    Row("environment that cannot load a job module; overlay that one worker can have", "told kept", {"integration/test_check.py": "test_what_an_environment_cannot_load_is_told", FAULTS: "test_workers_that_cannot_start_beside_another_leave_the_jobs_to_it"}),
    Row("list of jobs of another kind: DataFrame, generator, mapping", "told", {"core/runtime/test_loading.py": "test_list_of_another_kind_is_refused_with_how_to_make_one"}),
    Row("job module edited or broken while jobs wait", "whole told", {FAULTS: "test_jobs_of_other_parameters_than_planned_are_refused test_job_module_that_is_broken_meanwhile_stops_the_run", SUBMISSION: "test_job_module_edited_while_tasks_wait_runs_nothing_else", ENGINE: "test_job_whose_parameters_have_changed_fails_and_the_others_run"}),
    Row("list of jobs, or arguments, edited while jobs run", "once kept", {"integration/test_changed_lists.py": "test_value_in_front_of_those_that_run_makes_none_of_them_run_twice test_value_at_the_end_is_run_while_others_run test_entry_with_other_arguments_and_the_same_outputs_is_left_to_who_makes_them"}),
    Row("list of jobs edited between runs and while jobs run: what is told of them", "whole kept known", {"integration/test_changed_lists.py": "test_new_jobs_amid_those_that_are_done_have_no_history test_reasons_logs_and_stories_stay_with_their_jobs test_each_submission_is_read_by_the_list_of_its_time test_half_outputs_that_were_written_in_place_stay_incomplete", "core/runs/test_renumbering.py": "test_job_is_known_by_its_output_wherever_it_stands", "core/planning/test_history.py": "test_suspect_job_stays_so_wherever_it_stands_now test_state_of_a_job_is_that_of_the_array_task_that_has_it_wherever_it_stands_now", "cli/schedulers/test_revoking.py": "test_task_is_revoked_that_has_the_job_wherever_that_stands_now", STATES: "test_states_stay_with_their_jobs_when_the_list_is_edited_while_they_run"}),
    Row("project moved, renamed or copied, also while jobs run or an array waits", "once kept known", {"integration/test_moved.py": "test_project_taken_elsewhere_keeps_states_reasons_and_logs test_jobs_that_run_are_history_in_a_copy test_reason_of_what_was_stopped_is_kept_in_a_copy test_doubts_outlive_another_name_of_the_job_module", "cli/schedulers/test_copies.py": "test_array_of_the_original_is_history_in_a_copy test_array_is_still_known_when_its_project_is_renamed test_array_of_a_project_with_the_same_key_is_its_own", "cluster/test_copies.py": "test_array_of_the_original_is_history_in_a_copy test_renamed_project_keeps_what_became_of_its_array"}),
    Row("overwriting, and the new job fails or is killed", "whole once", {"integration/test_run.py": "test_overwrite_keeps_the_old_output_until_the_new_one_is_whole test_overwrite_keeps_the_old_output_when_the_job_fails", SUBMISSION: "test_overwriting_twice_runs_jobs_once_more_and_not_twice"}),
    Row("making outputs again: interrupted, failed, killed at any call, twice at once, by a setting under cron", "whole once kept known told", {KILLS: "test_rerun_killed_at_any_call_is_completed_by_the_next_run", OUTDATED: "test_interrupted_rerun_is_gone_on_with test_rerun_that_fails_is_told_and_may_be_accepted test_second_rerun_marks_nothing_while_the_first_runs test_setting_in_a_file_or_a_variable_overwrites_once test_marks_stay_with_their_outputs_when_the_list_is_edited test_marks_hold_for_an_entry_by_another_name", "core/runs/test_marks.py": "test_entries_of_a_folder_lose_no_mark_of_each_other test_damaged_marks_are_told_and_not_taken_for_none", "core/planning/test_status.py": "test_marked_job_is_done_only_if_a_later_attempt_made_it_again", "cluster/test_outdated.py": "test_rerun_is_seen_throttled_cancelled_and_gone_on_with test_nothing_is_marked_while_slurm_does_not_answer"}),
    Row("making outputs again in place, by other code too", "whole kept told", {OUTDATED: "test_job_that_writes_in_place_is_made_again_from_nothing test_interrupted_rerun_in_place_is_gone_on_with_or_given_up test_interrupted_output_is_not_gone_on_with_by_other_code test_restart_begins_interrupted_outputs_from_nothing test_failed_output_is_not_gone_on_with", "cluster/test_outdated.py": "test_task_that_writes_in_place_goes_on_when_it_is_requeued_amid_a_rerun"}),
    Row("class that writes in place no more, or never said so, and halves are there", "whole kept", {OUTDATED: "test_half_output_counts_as_one_when_the_class_writes_in_place_no_more test_entry_whose_jobs_wrote_at_their_own_final_path_counts_as_not_atomic"}),
    Row("empty output that no record explains, at any time", "kept whole", {OUTDATED: "test_empty_output_that_no_record_explains_is_not_done_at_any_time"}),
    Row("empty outputs of dead jobs of the 2020 tool", "kept", {"integration/test_status.py": "test_empty_output_without_a_record_is_interrupted_and_runs_again", "integration/test_old_projects.py": "test_empty_output_left_by_an_old_job_runs_again test_empty_output_left_by_an_old_job_is_not_collected"}),
    # Disks and clocks
    Row("EIO, ENOSPC, EDQUOT, EROFS, ESTALE on an output, or on the log", "whole kept told", {DISKS: "test_output_that_cannot_be_written_fails_its_job_only test_output_that_cannot_be_put_into_place_fails_its_job_only test_log_that_cannot_be_written_fails_the_jobs_that_print"}),
    Row("the same on a journal, and a write cut short", "whole once kept told", {DISKS: "test_journal_that_cannot_be_written_stops_the_worker_and_says_so test_write_that_is_cut_short_by_a_full_disk_is_no_record"}),
    Row("the same at each call of the planning command", "whole kept told", {DISKS: "test_command_that_cannot_write_its_submission_says_so"}),
    Row("full disk: a small tmpfs", "whole told", {FAULTS: "test_full_disk_fails_the_job_that_fills_it_only test_disk_without_any_room_is_refused"}),
    Row("read-only file system, also in the midst of a run", "whole kept told", {FAULTS: "test_run_refuses_an_output_folder_that_cannot_be_written", DISKS: "test_disk_that_becomes_read_only_while_jobs_run_tears_nothing"}),
    Row("folder that disappears, link that is changed, output deleted", "whole kept", {DISKS: "test_folder_that_disappears_while_jobs_run_costs_what_was_in_it test_link_to_the_outputs_that_is_changed_while_jobs_run_tears_nothing test_output_that_is_deleted_while_jobs_run_is_missing_then"}),
    Row("output on another file system than partial/", "whole", {FAULTS: "test_output_may_lie_on_another_file_system_than_its_folder"}),
    Row("clock set an hour or ten years off", "kept once", {DISKS: "test_clock_that_is_set_while_jobs_run_disturbs_nothing"}),
    Row("names of 255 bytes, of no UTF-8, 1,000 deep", "whole", {DISKS: "test_name_at_the_limits_is_an_output test_names_that_differ_by_case_or_by_how_an_accent_is_written_are_two", BAD: "test_any_name_works"}),
    Row("power loss, with fsync", "whole", {"faults/test_power.py": "test_power_loss_costs_no_output_that_counts_as_done test_no_more_is_forced_to_the_disk_than_has_to_be test_output_that_cannot_be_forced_to_the_disk_is_not_done test_output_appears_only_after_it_is_on_the_disk"}),
    Row("caches of a network file system: two nodes", "whole once kept", {NETWORKS: "test_outputs_made_on_another_node_are_seen_at_once test_output_that_a_node_has_looked_for_too_early_is_seen test_run_on_another_node_leaves_jobs_that_run_to_who_runs_them test_submission_that_a_node_does_not_see_yet_is_not_passed_over test_runs_on_two_nodes_at_once_execute_each_job_once test_failure_on_another_node_is_never_taken_for_an_output test_old_attempt_on_another_node_stops_when_a_new_one_begins test_run_of_the_dead_is_cleared_away_by_a_node_that_still_sees_it test_lock_that_a_node_does_not_see_yet_is_waited_for test_array_task_on_another_node_hears_what_is_written_after_it_began"}),
    Row("a million outputs in a folder (in CI 100,000)", "whole kept", {LOAD: "test_million_outputs_in_a_folder_are_counted_and_what_is_missing_runs"}),
    Row("100,000 jobs here, one in a hundred failing (in CI 3,000)", "kept", {LOAD: "test_jobs_of_which_one_in_a_hundred_fails_are_all_accounted_for"}),
    Row("limits, variables, signals, standard files of who starts it", "kept told data", {ENVIRONMENTS: "test_odd_environment_changes_nothing test_limits_and_signals_of_who_starts_it_change_nothing test_standard_files_that_are_closed_are_done_without test_files_that_may_not_grow_are_told test_too_few_open_files_are_told test_umask_that_takes_away_ones_own_rights_is_told test_output_to_a_full_disk_is_told_before_anything_runs"}),
    # Crowds
    Row("two and ten runs and statuses at once", "once kept", {CROWDS: "test_runs_and_statuses_at_once_execute_each_job_once", FAULTS: "test_runs_at_once_execute_each_job_once"}),
    Row("runs, overwrites and collects at once, half of them killed", "whole once kept", {CROWDS: "test_runs_that_overwrite_and_are_killed_in_a_crowd_lose_nothing"}),
    Row("collect beside runs, as outputs come and go, on a full disk", "known told", {COLLECT: "test_note_tells_outputs_that_came_or_went_meanwhile test_collections_at_the_same_time_each_leave_a_note test_collect_goes_on_where_no_note_can_be_written test_collect_that_fails_leaves_no_note_and_says_so_in_an_old_one test_collect_that_raises_is_told_with_its_traceback"}),
    Row("lock of the dead, of another host, broken, of garbage", "once told", {LEASE: "test_processes_that_contend_hold_it_one_at_a_time test_lease_of_the_dead_is_taken test_garbage_is_held_until_it_is_stale test_dead_lease_and_dead_breaker_of_it_are_cleared_at_once test_lease_is_not_broken_while_another_breaks_it test_lease_that_has_been_refreshed_since_it_was_judged_is_not_broken test_lease_that_may_not_be_seen_is_not_taken_for_dead"}),
    Row("run suspended, or its host standing still, for long", "once kept told", {UNSEEN: "test_workers_say_for_a_suspended_run_that_it_lives test_run_on_a_host_that_stood_still_leaves_all_to_who_has_taken_over test_run_goes_on_with_what_it_has_not_lost", LIFETIME: "test_worker_with_jobs_says_for_a_suspended_command_that_it_lives test_worker_stops_when_another_command_has_taken_over", LEASE: "test_lease_that_is_lost_is_neither_refreshed_nor_kept", "core/runs/test_submission.py": "test_who_has_stood_still_too_long_leaves_the_entry_to_who_plans_it_now"}),
    Row("processes of others that /proc hides, or another PID namespace", "once", {UNSEEN: "test_run_of_a_user_whose_processes_are_hidden_is_left_alone", LEASE: "test_holder_in_another_pid_namespace_is_waited_for_until_it_is_stale"}),
    # Hostile and damaged input
    Row("damaged todo, config, jobargs, records, Slurm's answers", "told data", {FUZZ: "test_damaged_content_is_read_or_refused_with_reason"}),
    Row("folding of old submissions killed at any point, beside commands that read, or of such as may go on", "once kept known", {FOLDING: "test_folding_that_is_killed_loses_and_doubles_nothing test_command_that_began_to_read_before_the_folding_reads_on test_submission_that_goes_on_or_may_live_is_not_folded"}),
    Row("a thousand submissions, whatever has become of their jobs", "kept told", {FOLDING: "test_all_is_told_as_before test_many_runs_leave_few_files test_of_long_logs_what_failed_jobs_printed_last_is_kept"}),
    Row("well-formed records of odd values", "told data", {FUZZ: "test_well_formed_content_of_odd_values_is_read_or_refused_with_reason"}),
    Row("YAML bombs, deep nesting, 100 MB, records of a newer jor", "told data", {FUZZ: "test_hostile_file_takes_neither_time_nor_memory", ARRAY: "test_submission_of_a_newer_jor_is_refused_with_the_remedy"}),
    Row("damaged journals beside whole outputs", "whole kept", {FAULTS: "test_torn_and_damaged_journals_cost_no_output", "core/runtime/test_journal.py": "test_damage_costs_only_the_lines_it_touches"}),
    Row("code in jobargs, todo-list and config", "data told", {BAD: "test_bad_file_is_refused test_bad_command_line_is_refused"}),
    Row("times, amounts and counts that Slurm would take for others", "told", {UNITS: "test_time_is_refused_when_slurm_would_take_it_for_no_limit test_time_is_refused_when_it_has_none_of_slurms_forms test_time_is_refused_when_slurm_could_not_count_it test_memory_is_refused_when_it_is_no_whole_number_and_unit test_memory_is_refused_when_slurm_could_not_count_it", "slurm/test_commands.py": "test_throttle_that_slurm_would_drop_or_take_for_another_is_refused"}),
    Row("values that YAML 1.1 would take for others (1:30, no, 08)", "told", {"core/todo/test_yaml12.py": "test_plain_scalar_is_read_by_the_core_schema", "core/todo/test_reader.py": "test_arguments_are_read_by_the_core_schema_of_yaml"}),
    Row("options that clash, or that jor needs for itself", "told data", {OPTIONS: "test_what_cannot_be_meant_is_refused test_options_that_decide_what_is_submitted_are_refused_as_extra test_name_that_squeue_would_not_show_as_it_is_is_refused", "slurm/test_script.py": "test_options_in_the_prologue_are_refused"}),
    Row("variables and files that leak into containers and conda", "data told", {"containers/test_apptainer.py": "test_options_are_those_of_exec test_variables_are_handed_over test_image_that_has_been_replaced_is_told test_odd_characters_in_paths_are_escaped", "containers/test_conda.py": "test_environment_of_the_caller_is_left test_what_active_environments_have_set_is_gone test_deactivation_that_goes_wrong_is_told test_script_that_spoils_the_activation_stops_the_command test_environment_that_is_not_there_on_the_node_stops_the_command"}),
    Row("two conda environments of one name, settings of conda that are broken", "known told", {"containers/test_environments.py": "test_name_that_is_there_twice_is_the_one_that_conda_takes test_settings_of_conda_say_where_to_look_first test_settings_that_cannot_be_read_are_told test_name_that_conda_does_not_know_is_refused_if_there_are_two test_folder_that_conda_would_take_for_an_environment_is_told"}),
    Row("output names that lead elsewhere", "data told", {TRUST: "test_output_that_would_lie_elsewhere_is_refused"}),
    Row("shell text in names and parameters", "data", {TRUST: "test_name_of_an_entry_reaches_nowhere test_parameters_are_data_where_they_are_shown_and_run", "slurm/test_script.py": "test_words_arrive_as_they_are"}),
    Row("folders, links, pipes, devices, 10 GB where records belong", "whole once told", {"faults/test_records.py": "test_what_does_not_belong_among_the_records_costs_no_output", "core/runtime/test_record_files.py": "test_what_is_no_file_of_jor_is_refused test_list_of_revoked_tasks_that_is_no_file_revokes_all test_nothing_is_appended_to_a_pipe test_jobs_of_a_task_that_have_no_end_take_no_memory", "core/runs/test_store.py": "test_submission_with_the_last_time_that_there_is_is_refused"}),
    Row("names that would command a terminal, or pass for jor's lines", "data told", {"integration/test_screen.py": "test_what_names_hold_reaches_no_terminal test_names_in_json_are_as_they_are test_logs_show_bytes_as_they_are_below_a_title_that_does_not test_own_colours_reach_a_terminal"}),
    Row("file system without hard links", "whole once kept", {LEASE: "test_lease_is_taken_where_there_are_no_hard_links test_lease_that_is_being_created_is_held_for_a_moment test_who_stood_still_while_creating_it_has_not_got_it", DISKS: "test_file_system_without_hard_links_will_do test_command_killed_where_there_are_no_hard_links_leaves_no_lock_for_long"}),
    Row("staging folders left by the dead of other hosts", "whole", {"core/runs/test_leftovers.py": "test_who_has_not_been_heard_of_for_long_is_gone test_who_has_been_heard_of_is_not_gone test_array_task_that_cannot_be_asked_is_not_gone", "core/runtime/test_staging.py": "test_copies_that_the_dead_did_not_finish_are_swept", UNSEEN: "test_staging_of_the_dead_of_another_host_goes_when_nothing_was_heard_for_long"}),
    Row("links and pipes where outputs and records belong", "data whole", {TRUST: "test_what_stands_at_an_output_is_replaced_and_not_written_through test_link_among_the_records_is_not_followed", "core/runtime/test_run_folder.py": "test_line_is_appended_and_never_through_a_link"}),
    Row("shared folders: modes of what is written", "data", {TRUST: "test_files_are_as_open_as_the_umask_says"}),
    # Random numbers
    Row("jobs that draw from global generators, in any isolation, loaded at any time", "told", {"core/runtime/test_seeds.py": "test_global_generators_are_seeded_for_each_job test_torch_is_seeded_unless_the_class_wants_none test_text_is_the_same_in_every_process", CHECK: "test_repeats_draw_their_own_numbers_and_what_they_share_is_told"}),
    Row("generators and seed calls that jobs would share, or never draw from again", "told", {"cli/analysis/test_draws.py": "test_what_a_module_does_when_it_is_loaded_is_named test_generator_that_gets_no_seed_of_the_job_is_named test_generator_that_the_object_jobs_holds_is_named test_modules_that_the_job_module_imports_count"}),
    # Slurm: submitting
    Row("sbatch killed or timed out, before and after acceptance", "once kept known", {SUBMISSION: "test_submission_that_sbatch_lost_is_found_again test_submission_that_was_never_asked_for_is_made_anew test_submission_that_was_accepted_before_jor_died_is_found_again test_array_that_is_accepted_after_all_does_nothing"}),
    Row("jor and sbatch killed at any time of a submission", "once kept", {"cluster/test_kills.py": "test_submission_killed_at_any_time_is_made_once"}),
    Row("slurmctld killed at each step of a submission", "once kept known", {CONTROLLER: "test_controller_killed_at_a_step_of_a_submission_costs_no_job"}),
    Row("slurmctld killed at any time after; ids given again", "once kept known", {CONTROLLER: "test_controller_killed_at_any_time_after_submissions_costs_no_job", SUBMISSION: "test_id_that_the_controller_lost_is_not_taken_for_ours test_controller_that_is_down_makes_states_unknown_and_wait_goes_on", "slurm/test_commands.py": "test_ids_under_another_name_are_not_ours"}),
    # Frozen for 15 s. For longer than munge's credentials hold (330 s) it takes too long: the texts and the time are played.
    Row("slurmctld frozen, for longer than a request is good", "once kept known", {SUBMISSION: "test_frozen_controller_leaves_the_submission_unconfirmed_until_it_answers test_submission_that_was_never_asked_for_is_made_anew", "slurm/test_refusals.py": "test_what_sbatch_says_is_classed_by_whether_it_may_be_asked_again"}),
    Row("munge down", "kept known", {SUBMISSION: "test_munge_that_is_down_loses_nothing"}),
    Row("sbatch prints a banner; refuses for good", "once told", {"slurm/test_commands.py": "test_job_id_is_the_last_line_that_is_one", SUBMISSION: "test_refusal_is_told_with_a_remedy_and_leaves_nothing"}),
    Row("slurm.conf gone or broken", "known kept", {CLUSTER: "test_slurm_conf_that_is_gone_or_broken_makes_states_unknown", "slurm/test_refusals.py": "test_what_sbatch_says_is_classed_by_whether_it_may_be_asked_again"}),
    Row("MaxJobCount reached, and room again", "kept told", {CLUSTER: "test_array_fits_into_the_queue_of_the_controller test_queue_of_the_controller_that_is_full_is_waited_for", "slurm/test_commands.py": "test_failure_of_sbatch_is_told_apart"}),
    Row("QOS and account limits", "kept told", {SUBMISSION: "test_limit_of_the_account_holds_back test_limit_of_the_account_that_cannot_be_read_is_found_by_submitting_half_as_much test_max_submitted_holds_back_and_wait_tops_up test_max_submitted_counts_what_an_earlier_run_has_submitted", "cli/schedulers/test_submitting.py": "test_half_as_much_is_submitted_and_so_on_where_a_limit_is_met_that_was_not_known test_topping_up_tells_how_many_arrays_it_has_submitted_and_once_what_holds_the_rest_back"}),
    Row("MaxArraySize, max_array_tasks, lists of indices too long", "kept told", {SUBMISSION: "test_arrays_are_cut_as_the_cluster_wants_them test_cluster_that_takes_no_arrays_is_told test_arrays_are_cut_where_only_the_highest_index_is_limited", "slurm/test_commands.py": "test_indices_whose_text_slurm_would_not_take_are_refused"}),
    Row("environment of another job, or of the user, that steers Slurm", "kept", {SUBMISSION: "test_environment_of_an_enclosing_job_neither_steers_nor_leaks", "slurm/test_commands.py": "test_environment_neither_steers_nor_leaks"}),
    # Slurm: asking
    Row("squeue that hangs, or prints garbage", "once known", {CLUSTER: "test_squeue_that_says_nothing_or_nonsense_makes_states_unknown", "slurm/test_commands.py": "test_command_that_hangs_is_ended_with_all_it_started test_nonsense_is_no_empty_queue test_failure_is_shared_with_those_who_waited_for_the_answer", "slurm/test_parsing.py": "test_indices_that_were_cut_are_not_guessed test_job_of_another_whose_name_is_free_text_does_not_harm_the_other_rows", "cli/schedulers/test_monitor.py": "test_state_that_slurm_did_not_tell_is_unknown_and_never_the_end test_state_of_a_future_slurm_is_told_and_active", "slurm/test_polling.py": "test_poll_that_failed_changes_nothing"}),
    Row("accounting that is down, absent, or lags", "known kept", {SUBMISSION: "test_accounting_that_is_down_is_done_without", FORGETFUL: "test_accounting_that_lags_tells_its_reason_later", "slurm/test_polling.py": "test_queue_counts_more_than_accounting_which_lags", "cli/schedulers/test_monitor.py": "test_array_that_the_queue_does_not_show_is_lost_after_two_answers_ten_minutes_apart", "slurm/test_parsing.py": "test_last_life_of_a_job_counts"}),
    Row("squeue behind a pipe or a cache: silent, late, half a row, failing, also with status 0", "once kept known told", {FORGETFUL: "test_squeue_that_is_silent_late_or_fails_ends_no_job", UNKNOWN: "test_silence_makes_no_end test_worker_that_is_heard_of_is_at_work_whatever_slurm_says test_squeue_that_hangs_is_asked_once test_sacct_that_hangs_is_asked_once_by_a_command"}),
    Row("tasks that squeue does not show: purged, lost, or active as sacct says", "once kept known", {UNKNOWN: "test_task_that_sacct_shows_is_active_though_squeue_does_not_show_it test_sacct_that_tells_no_end_is_believed_until_the_time_is_up test_task_is_lost_when_two_answers_do_not_show_it_and_nothing_is_heard_of_it test_squeue_has_to_show_what_ended_for_as_long_as_the_site_keeps_it test_task_that_told_its_end_is_over_though_slurm_has_forgotten_it test_staging_of_a_lost_task_is_swept_when_nothing_was_heard_of_it_for_long", "cli/schedulers/test_monitor.py": "test_task_that_is_shown_meanwhile_is_not_lost", LIFETIME: "test_array_task_says_that_it_lives_by_the_time_of_its_journal"}),
    Row("array of another user, or of another cluster on the same file system", "once kept known told", {OTHERS: "test_array_of_another_user_is_known_and_left_alone test_array_of_another_cluster_is_unknown_until_it_is_taken_over", UNKNOWN: "test_array_of_another_user_is_asked_for_by_its_id test_array_that_cannot_be_asked_for_from_here_is_unknown_until_its_time_is_up test_arrays_of_others_are_neither_cancelled_nor_throttled test_what_is_unknown_is_taken_over_when_those_who_may_have_it_had_time_to_see_it test_what_is_heard_of_is_not_taken_over"}),
    Row("arrays that Slurm has forgotten since", "known", {UNKNOWN: "test_what_became_of_an_array_is_written_down_and_not_asked_for_again"}),
    Row("MinJobAge passed between two polls", "known kept", {FORGETFUL: "test_wait_that_has_slept_through_the_end_tells_it_without_accounting"}),
    Row("clock of a node off, minutes and hours", "kept", {CLEASES: "test_clock_of_one_node_that_is_off_costs_no_job", ARRAY: "test_time_that_has_passed_before_the_script_hands_over_counts"}),
    Row("clock of a login node off, hours and a century", "once known", {CLEASES: "test_commands_given_where_the_clock_is_off_plan_nothing_twice test_submission_whose_clock_was_a_century_ahead_does_not_count_as_the_newest test_reason_that_only_the_accounting_knows_is_told_where_the_clock_is_ahead", LEASE: "test_lease_of_another_host_is_judged_by_the_clock_that_stamps_files", "core/runs/test_submission.py": "test_submission_comes_after_the_newest_also_where_the_clock_is_behind"}),
    # Slurm: running
    Row("slurmd killed, its task alive on a lost node", "once kept", {STATES: "test_task_of_a_lost_node_runs_as_long_as_it_is_heard_of", "cli/schedulers/test_revoking.py": "test_task_that_is_lost_is_revoked_and_gets_the_time_to_see_it test_tasks_of_an_array_of_many_files_get_longer"}),
    Row("the same, its task begun anew by Slurm elsewhere", "once kept", {STATES: "test_task_requeued_from_a_lost_node_begins_when_its_old_process_has_stopped", ARRAY: "test_job_during_which_attempts_die_again_and_again_is_left_and_the_others_run test_job_that_goes_on_from_where_it_was_may_be_begun_any_number_of_times test_attempts_that_tell_why_they_cannot_work_are_no_deaths test_later_attempt_waits_until_the_earlier_one_has_stopped test_later_attempt_leaves_what_the_earlier_one_ends_while_it_waits", LIFETIME: "test_any_later_attempt_ends_an_earlier_one test_attempt_waits_for_the_newest_that_has_begun_before_it"}),
    Row("node drained, or one on which all dies at once", "kept known", {CLUSTER: "test_drained_nodes_keep_the_jobs_waiting", STATES: "test_node_on_which_tasks_die_at_once_is_named_and_avoided"}),
    Row("folder that one node cannot write; log that cannot be opened", "kept told", {CLUSTER: "test_folder_that_one_node_cannot_write_costs_no_job", STATES: "test_log_that_cannot_be_opened_is_told"}),
    Row("memory of a job, or of a process of it, exceeded", "kept known", {STATES: "test_memory_is_told_and_asked_for_more test_output_of_a_job_that_lost_a_process_is_suspect_until_it_is_made_anew"}),
    Row("time up: warned, or not heeded, or no time left", "kept known", {STATES: "test_time_limit_is_told test_warned_task_saves_and_is_run_again test_packed_task_begins_no_job_that_would_not_fit", ARRAY: "test_warning_calls_checkpoint_and_begins_no_more test_warning_leaves_jobs_without_checkpoint_and_their_processes_alone test_warned_task_has_itself_run_again_if_that_brings_it_further test_task_that_is_warned_before_it_has_begun_a_job_is_not_run_again"}),
    Row("job that always fails", "kept", {STATES: "test_retries_stop_after_so_many", SUBMISSION: "test_wait_tops_up_what_failed_before_and_tries_it_once"}),
    Row("task that ends before it begins a job", "kept told", {"core/planning/test_history.py": "test_jobs_of_a_task_that_ended_before_it_began_one_are_missing_with_the_reason", "cli/schedulers/test_submitting.py": "test_run_that_waits_ends_where_tasks_end_before_they_begin_a_job"}),
    Row("task killed; preempted and requeued, or ended by that", "once kept known", {STATES: "test_killed_task_leaves_its_jobs_pending test_preempted_task_goes_on_with_what_is_left test_task_that_a_preemption_ends_is_told_and_run_again"}),
    Row("array held, requeued, requeued and held, or suspended", "once kept known", {OTHERS: "test_array_that_is_held_waits_until_it_is_released test_task_that_is_requeued_and_held_goes_on_when_it_is_released test_task_that_is_suspended_counts_as_running_and_goes_on", CLUSTER: "test_task_requeued_by_an_administrator_goes_on_with_what_is_left"}),
    Row("array, or half of it, cancelled by somebody else", "kept known", {STATES: "test_job_cancelled_by_somebody_is_told", OTHERS: "test_half_of_an_array_cancelled_by_somebody_is_told_and_run_again"}),
    Row("array that will never begin by itself", "known told", {STATES: "test_task_that_will_never_begin_is_told", "slurm/test_polling.py": "test_task_that_will_never_begin_is_told_in_words"}),
    # Slurm: crowds and load
    Row("two and ten runs, waits and statuses at once on Slurm", "once kept", {"cluster/test_crowds.py": "test_runs_and_statuses_at_once_submit_one_array", SUBMISSION: "test_two_runs_at_once_submit_one_array"}),
    Row("jor cancel while tasks start; a duplicate array", "once kept", {"cluster/test_crowds.py": "test_cancel_that_races_with_starting_tasks_leaves_nothing_that_begins_later", SUBMISSION: "test_duplicate_of_an_array_does_nothing", ARRAY: "test_revoked_task_begins_nothing test_damaged_list_of_revoked_tasks_stops_all test_duplicate_of_an_attempt_does_nothing", STATES: "test_cancel_takes_back_what_jor_submitted_and_nothing_else"}),
    Row("runs, overwrites and cancels at once on Slurm, some killed", "whole once kept", {"cluster/test_crowds.py": "test_runs_overwrites_and_cancels_of_which_some_are_killed_lose_nothing"}),
    Row("array throttled when tasks of it have ended", "told", {SUBMISSION: "test_running_array_can_be_throttled_also_when_tasks_of_it_have_ended", "slurm/test_commands.py": "test_throttle_of_an_array_of_which_tasks_have_ended_is_no_error"}),
    Row("run --wait killed", "once kept", {CLUSTER: "test_jobs_go_on_when_the_command_that_waits_is_killed"}),
    Row("20,000 packed jobs on Slurm, one in a hundred failing (in CI 2,000)", "kept", {"cluster/test_load.py": "test_many_packed_jobs_are_all_accounted_for_and_memory_is_flat"}),
    # Slurm: names, prologues, records
    Row("prologue that ends the script, fails, or prints megabytes", "kept told", {STATES: "test_prologue_that_ends_the_script_is_told_and_nothing_is_submitted_again test_prologue_that_is_strict_or_prints_megabytes_disturbs_no_job test_prologue_that_fails_is_told_by_all_and_is_no_mark_against_a_node test_node_on_which_tasks_die_at_once_is_told", "cli/schedulers/test_prologue.py": "test_prologue_that_does_not_fail_comes_to_its_command test_line_that_fails_stops_the_task_and_is_told test_prologue_that_a_signal_ends_is_not_to_blame"}),
    Row("odd names of folders and entries on Slurm", "data told", {SUBMISSION: "test_odd_names_of_folders_and_entries_work test_folder_whose_logs_slurm_would_not_open_is_refused"}),
    Row("run --wait stopped by Ctrl-C or SIGTERM on Slurm", "once kept told", {CLUSTER: "test_jobs_go_on_when_the_command_that_waits_is_stopped"}),
    Row("folder of the project that one node does not see", "once kept told", {CLUSTER: "test_folder_that_one_node_does_not_see_costs_no_job"}),
    Row("records deleted while an array waits", "whole once kept", {CLUSTER: "test_records_deleted_while_an_array_waits_cost_no_output"}),
    Row("array of which squeue lists many single tasks", "kept known", {OTHERS: "test_tasks_of_an_array_are_counted_however_many_holes_it_has"}),
)  # fmt: skip


def proofs_of(row: Row) -> list[str]:
    """Return the tests of a row as pytest names them, from the top of the repository."""
    return [f"tests/{file}::{name}" for file, names in row.tests.items() for name in names.split()]


def elsewhere(*, slurm: bool) -> list[str]:
    """Return the tests of the matrix that are not of this folder: those of a real Slurm, or all others."""
    named = {test for row in MATRIX for test in proofs_of(row) if not test.startswith("tests/faults/")}
    return sorted(test for test in named if test.startswith("tests/cluster/") == slurm)
