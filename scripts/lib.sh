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

# Runs ninja; of its progress lines one in 15 seconds is shown, of everything else all.
build() {
  local folder=$1 shown=-15 line; shift
  NINJA_STATUS='[%f/%t] ' ninja -C "$folder" "$@" 2>&1 | while IFS= read -r line; do
    if [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\  ]]; then
      if ((BASH_REMATCH[1] != BASH_REMATCH[2] && SECONDS - shown < 15)); then continue; fi
      shown=$SECONDS
    fi
    printf '%s\n' "$line"
  done
}

# configure_and_build <preset> <target>...: in build/<preset>.
configure_and_build() {
  local preset=$1 output; shift
  output=$(cmake --preset "$preset" 2>&1) || { echo "$output"; return 1; }
  build "build/$preset" "$@"
}
