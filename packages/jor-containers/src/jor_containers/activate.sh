#!/bin/sh
# activate.sh PREFIX NAME COMMAND...: run COMMAND in the conda environment PREFIX, as after `conda activate`.
# For any POSIX shell; ends with status 78 (EX_CONFIG) if the environment cannot be activated.

# Activation scripts are written for bash; where there is none, this shell has to do.
if [ -z "${BASH_VERSION-}" ] && command -v bash > /dev/null; then
    exec bash "$0" "$@"
fi
# A bash that is called sh understands less of them.
if [ -n "${BASH_VERSION-}" ]; then
    set +o posix
fi

_jor_fail() {
    trap - EXIT
    printf 'Error: the conda environment %s cannot be activated on %s: %s\n  %s\n' \
        "$_jor_prefix" "$(uname -n)" "$1" "$2" >&2
    exit 78
}

# Prints an export for each variable that the environment brings, later ones beat earlier ones.
_jor_variables() {
    "$_jor_prefix/bin/python" -I -S - "$_jor_prefix" << 'END'
import glob, json, os, shlex, sys
folder = glob.escape(sys.argv[1])
paths = [*sorted(glob.glob(folder + "/etc/conda/env_vars.d/*.json")), *glob.glob(folder + "/conda-meta/state")]
found = {}
for path in paths:
    with open(path) as file:
        content = json.load(file)
    found.update(content.get("env_vars", {}) if path.endswith("/state") else content)
for name, value in found.items():
    if name.isidentifier() and name.isascii() and value != "***unset***":
        print("export " + name + "=" + shlex.quote(str(value)))
END
}

# In a function, so that a script that sets the positional parameters does not lose the command.
_jor_run_script() {
    . "$_jor_script" < /dev/null
}

_jor_prefix=$1 _jor_name=$2
shift 2
[ -d "$_jor_prefix/conda-meta" ] || _jor_fail "it is not there" "Make it visible on this machine, or create it"

# What is left of the environment from which the job was submitted.
_jor_path= _jor_rest=$PATH:
while [ -n "$_jor_rest" ]; do
    _jor_one=${_jor_rest%%:*} _jor_rest=${_jor_rest#*:}
    if [ -z "${CONDA_PREFIX-}" ] || [ "$_jor_one" != "$CONDA_PREFIX/bin" ]; then
        _jor_path=$_jor_path:$_jor_one
    fi
done
for _jor_one in $(env | sed -n 's/^\(_\{0,1\}CONDA_[A-Za-z0-9_]*\)=.*/\1/p; s/^\(_CE_[A-Z]*\)=.*/\1/p'); do
    unset "$_jor_one"
done

export PATH="$_jor_prefix/bin$_jor_path" CONDA_PREFIX="$_jor_prefix" CONDA_DEFAULT_ENV="$_jor_name"
export CONDA_SHLVL=1 CONDA_PROMPT_MODIFIER="($_jor_name) "
if [ -e "$_jor_prefix/conda-meta/state" ] || [ -d "$_jor_prefix/etc/conda/env_vars.d" ]; then
    _jor_one=$(_jor_variables) || _jor_fail "its variables cannot be read" \
        "Look at its conda-meta/state and etc/conda/env_vars.d, and at its Python"
    eval "$_jor_one"
fi
for _jor_script in "$_jor_prefix"/etc/conda/activate.d/*.sh; do
    [ -e "$_jor_script" ] || continue
    trap '_jor_fail "its script $_jor_script ended the shell" "Mend or remove that script"' EXIT
    _jor_run_script || printf 'Warning: the activation script %s ended with status %s\n  %s\n' "$_jor_script" $? \
        "Mend it; if there is nothing wrong with it, let it end with: true" >&2
    trap - EXIT
done
[ "${CONDA_PREFIX-}" = "$_jor_prefix" ] || _jor_fail \
    "a script in its etc/conda/activate.d has set CONDA_PREFIX to ${CONDA_PREFIX-nothing}" "Mend or remove that script"

unset _jor_prefix _jor_name _jor_path _jor_rest _jor_one _jor_script
unset -f _jor_fail _jor_variables _jor_run_script
exec "$@"
