"""What sbatch says when it fails, as seen on Slurm 22.05 to 26.05 and in its source -> what may be done next."""

from __future__ import annotations

import pytest

from jor_slurm import AccountLimitError, LimitError, RefusedError, UnconfirmedError, UnreachableError
from jor_slurm.refusals import refusal

FAILED = "sbatch: error: Batch job submission failed: "
POLICY = f"{FAILED}Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)"
SAID = {
    UnreachableError: [
        f"{FAILED}Unable to contact slurm controller (connect failure)",
        'sbatch: error: Munge encode failed: Failed to access "/run/munge/munge.socket.2": No such file or directory\n'
        f"sbatch: error: slurm_send_node_msg: auth_g_create: REQUEST_SUBMIT_BATCH_JOB has authentication error\n"
        f"{FAILED}Protocol authentication error",
        f"{FAILED}Connection refused",
        f"{FAILED}Slurm backup controller in standby mode",
        f"{FAILED}Rate limit exceeded, please retry momentarily",
        f"{FAILED}Rate limit exceeded, please retry later",
        f"{FAILED}System submissions disabled",
        "sbatch: fatal: Unable to process configuration file",
        "sbatch: error: resolve_ctls_from_dns_srv: res_nsearch error: Unknown host\n"
        "sbatch: error: fetch_config: DNS SRV lookup failed\n"
        "sbatch: error: _establish_config_source: failed to fetch config\n"
        "sbatch: fatal: Could not establish a configuration source",
    ],
    UnconfirmedError: [
        f"{FAILED}Socket timed out on send/recv operation",
        f"{FAILED}Unable to contact slurm controller (send failure)",
        f"{FAILED}Unable to contact slurm controller (receive failure)",
        f"{FAILED}Unable to contact slurm controller (shutdown failure)",
        f"{FAILED}Zero Bytes were transmitted or received",
        f"{FAILED}Unexpected message received",
        # The controller was frozen for longer than munge's credentials hold: it will not accept this one any more.
        f"{FAILED}Protocol authentication error",
        f"{FAILED}Connection timed out reading from controller",
    ],
    AccountLimitError: [
        f"sbatch: error: QOSMaxSubmitJobPerUserLimit\n{POLICY}",
        f"sbatch: error: AssocMaxSubmitJobLimit\n{POLICY}",
        f"sbatch: error: AssocGrpSubmitJobsLimit\n{POLICY}",
        POLICY,
    ],
    LimitError: [
        f"sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying\n"
        f"{FAILED}Resource temporarily unavailable",
        f"sbatch: error: Slurm job queue full, sleeping and retrying\n{FAILED}MaxJobCount limit reached",
        f"{FAILED}Job creation temporarily disabled, retry",
    ],
    RefusedError: [
        f"sbatch: error: QOSMaxWallDurationPerJobLimit\n{POLICY}",
        f"sbatch: error: QOSMaxCpuPerJobLimit\n{POLICY}",
        f"sbatch: error: AssocMaxNodePerJobLimit\n{POLICY}",
        f"sbatch: error: QOSMinCpuNotSatisfied\n{POLICY}",
        f"sbatch: error: invalid partition specified: nope\n{FAILED}Invalid partition name specified",
        f"{FAILED}Invalid qos specification",
        f"{FAILED}Invalid account or account/partition combination specified",
        f"{FAILED}Invalid feature specification",
        f"{FAILED}Invalid generic resource (gres) specification",
        f"{FAILED}Invalid license specification",
        f"{FAILED}Requested reservation is invalid",
        f"{FAILED}Invalid node name specified",
        "sbatch: error: Memory specification can not be satisfied\n"
        f"{FAILED}Requested node configuration is not available",
        "sbatch: fatal: --mem, --mem-per-cpu, and --mem-per-gpu are mutually exclusive.",
        "sbatch: error: Invalid --time specification",
        "sbatch: error: No cluster 'X' known by database.",
        f"{FAILED}Job dependency problem",
        f"{FAILED}Invalid job array specification",
        f"{FAILED}Pathname of a file, directory or other parameter too long",
        f"{FAILED}Requested time limit is invalid (missing or exceeds some limit)",
    ],
}


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, texts in SAID.items() for said in texts])
def test_what_sbatch_says_is_classed_by_whether_it_may_be_asked_again(kind, said):
    error = refusal(1, said + "\n")
    assert type(error) is kind
    assert error.remedy
