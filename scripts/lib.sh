# Shared by the scripts: sourced, never run. Sets the project's root as the working folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
cache=${PILLION_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pillion}
# ccache compares paths relative to the checkout, so that a fresh clone finds what another compiled.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf '\n== %s\n' "$*"; }
die() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "'$*' needs root; run it as root, or install sudo"
  fi
}

# The virtual environment's name carries the hash of what is installed in it.
venv_folder() { echo "$cache/venv-$(sha256sum third_party/python_requirements.txt | cut -c1-16)"; }

# Runs ninja so that a long build says how far it is without a line for every file.
build() {
  local folder=$1; shift
  NINJA_STATUS='[%f/%t] ' ninja -C "$folder" "$@" 2>&1 | awk '
    /^\[[0-9]+\/[0-9]+\] / { split($1, at, /[\[\/\]]/); last = $0; shown = 0
      if (systime() - when < 15 && at[2] != at[3]) next
      when = systime(); shown = 1 }
    { print; fflush() }'
}

# configure_and_build <preset> <target>...: in build/<preset>.
configure_and_build() {
  local preset=$1 output; shift
  output=$(cmake --preset "$preset" 2>&1) || { echo "$output"; return 1; }
  build "build/$preset" "$@"
}
