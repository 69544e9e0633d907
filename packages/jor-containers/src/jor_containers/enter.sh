#!/bin/sh
# enter.sh IMAGE STAMP VARIABLE... -- PROGRAM ARGUMENT...: start PROGRAM, which runs a command in the container IMAGE.
# IMAGE is a path, or "" for one that is no file here. STAMP is its size and time, as `stat` tells them, or "" for any.
# VARIABLE is NAME=VALUE, or the NAME of one of this environment's, perhaps with a * in it, that the command is to get.
# For any POSIX shell; ends with status 78 (EX_CONFIG) if the container cannot be entered.

_jor_fail() {
    printf 'Error: the container image %s cannot be used on %s: %s\n  %s\n' "$_jor_image" "$(uname -n)" "$1" "$2" >&2
    exit 78
}

_jor_image=$1 _jor_stamp=$2
shift 2
# What tells a command how much of the machine is its own goes in with it, and what decides the order of Python's sets.
# Packages in ~/.local are the host's, and seen wherever the home folder is mounted.
set -- 'CUDA_VISIBLE_DEVICES' 'CUDA_DEVICE_ORDER' 'CUDA_MPS_*' 'NVIDIA_VISIBLE_DEVICES' \
    'ROCR_VISIBLE_DEVICES' 'HIP_VISIBLE_DEVICES' 'GPU_DEVICE_ORDINAL' \
    'OMP_*' 'KMP_*' 'GOMP_*' '*_NUM_THREADS' 'TZ' 'PYTHONHASHSEED' PYTHONNOUSERSITE=1 "$@"
_jor_names=$(env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p')
# Values are text: a shell inside would expand what is in them.
export APPTAINER_NO_EVAL=1 SINGULARITY_NO_EVAL=1
while [ "$1" != -- ]; do
    case $1 in
        *=*) export "APPTAINERENV_$1" "SINGULARITYENV_$1" ;;
        *)
            for _jor_name in $_jor_names; do
                # shellcheck disable=SC2254 # it is a pattern
                case $_jor_name in
                    $1)
                        # What looks like a name may be a line of another one's value.
                        eval "[ -n \"\${$_jor_name+set}\" ]" || continue
                        eval "_jor_value=\${$_jor_name-}"
                        export "APPTAINERENV_$_jor_name=$_jor_value" "SINGULARITYENV_$_jor_name=$_jor_value"
                        ;;
                esac
            done
            ;;
    esac
    shift
done
shift

command -v "$1" > /dev/null || _jor_fail "there is no program $1" \
    "Install it there, or make it known there (module load ...) before this is called"
if [ -n "$_jor_image" ]; then
    [ -r "$_jor_image" ] || _jor_fail "it is not there, or not readable" "Make it visible and readable on this machine"
fi
if [ -n "$_jor_stamp" ] && [ "$(stat -L -c %s-%Y "$_jor_image")" != "$_jor_stamp" ]; then
    _jor_fail "it is not the one that was asked for: it has been replaced" \
        "Put the old one back, or submit again to use the new one"
fi
unset _jor_image _jor_stamp _jor_names _jor_name _jor_value
exec "$@"
