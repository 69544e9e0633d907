#!/bin/sh
# activate.sh PREFIX NAME COMMAND...: run COMMAND in the conda environment PREFIX, as after `conda deactivate` from each
# environment that is active here, and `conda activate PREFIX`.
# For any POSIX shell; ends with status 78 (EX_CONFIG) if the environment cannot be activated.

# Activation scripts are written for bash; where there is none, this shell has to do.
if [ -z "${BASH_VERSION-}" ] && command -v bash > /dev/null; then
    exec bash "$0" "$@"
fi
# A bash that is called sh understands less of them.
if [ -n "${BASH_VERSION-}" ]; then
    set +o posix
fi
set +eu # An exported SHELLOPTS may have set them.

_jor_fail() {
    trap - EXIT
    printf 'Error: the conda environment %s cannot be activated on %s: %s\n  %s\n' \
        "$_jor_prefix" "$(uname -n)" "$1" "$2" >&2
    exit 78
}

# Prints, as a script, what activating the environment $1 exports; later variables beat earlier ones. With $2, prints
# what leaving it takes back: the values from before are in the variables whose names begin with $2.
_jor_variables() {
    [ -e "$1/conda-meta/state" ] || [ -d "$1/etc/conda/env_vars.d" ] || return 0
    for _jor_python in "$_jor_prefix/bin/python" python3 python; do
        if command -v "$_jor_python" > /dev/null; then break; fi
    done
    "$_jor_python" -I -S - "$@" << 'END'
import glob, json, os, shlex, sys
folder = glob.escape(sys.argv[1])
paths = [*sorted(glob.glob(folder + "/etc/conda/env_vars.d/*")), *glob.glob(folder + "/conda-meta/state")]
found = {}
for path in paths:
    with open(path, encoding="utf-8") as file:
        content = json.load(file)
    found.update(content.get("env_vars", {}) if path.endswith("/conda-meta/state") else content)
for name, value in found.items():
    if not (name.isidentifier() and name.isascii()) or name == "PATH" or value == "***unset***":
        continue
    name = name.upper()  # as conda and mamba do it
    before = os.environ.get(sys.argv[2] + name) if sys.argv[2:] else str(value)
    if sys.argv[2:] and os.environ.get(name) != str(value):
        continue  # somebody else has set it since
    print("export " + name + "=" + shlex.quote(before) if before else "unset " + name)
END
}

# Sources the scripts in the folder $1, in the order of their bytes in every locale; with $2, the last one first.
_jor_scripts() {
    _jor_folder=$1 _jor_reverse=${2-}
    set --
    _jor_locale=${LC_ALL-} _jor_had_locale=${LC_ALL+yes}
    LC_ALL=C
    for _jor_script in "$_jor_folder"/*.sh; do
        if [ -n "$_jor_reverse" ]; then set -- "$_jor_script" "$@"; else set -- "$@" "$_jor_script"; fi
    done
    LC_ALL=$_jor_locale
    if [ -z "$_jor_had_locale" ]; then unset LC_ALL; fi
    for _jor_script; do
        [ -e "$_jor_script" ] || continue
        set +eu # The script before may have set them.
        trap '_jor_fail "the script $_jor_script ended the shell" "Fix or remove that script"' EXIT
        _jor_run_script || printf 'Warning: the script %s ended with status %s\n  %s\n' "$_jor_script" $? \
            "Fix it; if there is nothing wrong with it, let it end with: true" >&2
        trap - EXIT
    done
    set +eu
}

# In a function, so that a script that sets the positional parameters does not lose the list of scripts.
_jor_run_script() {
    . "$_jor_script" < /dev/null
}

# Takes the folder $1 out of PATH.
_jor_remove_from_path() {
    _jor_path= _jor_rest=$PATH:
    while [ -n "$_jor_rest" ]; do
        _jor_one=${_jor_rest%%:*} _jor_rest=${_jor_rest#*:}
        if [ "$_jor_one" != "$1" ]; then _jor_path=$_jor_path:$_jor_one; fi
    done
    PATH=${_jor_path#:}
}

# Leaves the environment CONDA_PREFIX, which is at level $1; $2 is not empty if it is active, and has not been replaced.
_jor_leave() {
    if [ -n "$2" ]; then
        [ -d "$CONDA_PREFIX" ] || printf 'Warning: %s\n  %s\n' \
            "the conda environment $CONDA_PREFIX is active, but not there on $(uname -n): what it has set stays" \
            "Start this from a shell in which it is not active" >&2
        _jor_scripts "$CONDA_PREFIX/etc/conda/deactivate.d" reverse
        _jor_remove_from_path "$CONDA_PREFIX/bin"
    fi
    # An environment that replaces another one leaves the variables of that.
    _jor_one=$(_jor_variables "$CONDA_PREFIX" "__CONDA_SHLVL_$(($1 - 1))_") || printf 'Warning: %s\n  %s\n' \
        "the variables of the conda environment $CONDA_PREFIX, which was active, cannot be read: they stay" \
        "Look at its conda-meta/state and etc/conda/env_vars.d" >&2
    eval "$_jor_one"
}

_jor_prefix=$1 _jor_name=$2
shift 2
[ -d "$_jor_prefix/conda-meta" ] || _jor_fail "it is not there" "Make it visible on this machine, or create it"

_jor_active=yes
case ${CONDA_SHLVL-} in
    '' | 0 | *[!0-9]* | ????*) _jor_level=1 ;;
    *) _jor_level=$CONDA_SHLVL ;;
esac
while [ "$_jor_level" -gt 0 ]; do
    if [ -n "${CONDA_PREFIX-}" ]; then _jor_leave "$_jor_level" "$_jor_active"; fi
    eval "_jor_active=\${CONDA_STACKED_$_jor_level-}"
    _jor_level=$((_jor_level - 1))
    eval "export CONDA_PREFIX=\"\${CONDA_PREFIX_$_jor_level-}\" CONDA_SHLVL=$_jor_level"
done
for _jor_one in $(env | sed -n 's/^\(_\{0,2\}CONDA_[A-Za-z0-9_]*\)=.*/\1/p; s/^\(_CE_[A-Z]*\)=.*/\1/p'); do
    unset "$_jor_one"
done

export PATH="$_jor_prefix/bin${PATH:+:$PATH}" CONDA_PREFIX="$_jor_prefix" CONDA_DEFAULT_ENV="$_jor_name"
export CONDA_SHLVL=1 CONDA_PROMPT_MODIFIER="($_jor_name) "
_jor_one=$(_jor_variables "$_jor_prefix") || _jor_fail "its variables cannot be read" \
    "Look at its conda-meta/state and etc/conda/env_vars.d; a Python is needed, in it or in PATH"
eval "$_jor_one"
_jor_scripts "$_jor_prefix/etc/conda/activate.d"
[ "${CONDA_PREFIX-}" = "$_jor_prefix" ] || _jor_fail \
    "a script in its etc/conda/activate.d has set CONDA_PREFIX to ${CONDA_PREFIX-nothing}" "Fix or remove that script"

unset _jor_prefix _jor_name _jor_path _jor_rest _jor_one _jor_script _jor_folder _jor_reverse _jor_locale
unset _jor_had_locale _jor_active _jor_level _jor_python
unset -f _jor_fail _jor_variables _jor_scripts _jor_run_script _jor_remove_from_path _jor_leave
exec "$@"
