"""What Dynare says of a file: its first-order solution where the file first asks for an answer.

The file runs as its author wrote it up to its first command that answers something (stoch_simul,
estimation, ...), MATLAB code included, in a copy of its folder. There, in place of that command,
the steady state is found with Dynare's own tolerance, then solved on with tight ones, and
`stoch_simul(order=1)` is asked for with the file's shocks and Dynare's criterion for unit roots.
Needs Octave, and Dynare 5.3's preprocessor and MATLAB files.
"""

from __future__ import annotations

import json
import re
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from emulator.storage import write_atomically

DYNARE = Path("/usr/lib/dynare/matlab")
SECONDS = 60
_LARGEST = 20_000_000  # bytes of a file beside the model that is worth copying
_PARENTHESES = r"\((?:[^()]|\([^()]*\))*\)"
# Orders above the first cost time and memory; options such as loglinear are another question.
_SIMULATES = re.compile(rf"\bstoch_simul\s*{_PARENTHESES}", re.IGNORECASE)
# How a model is evaluated (block, bytecode, use_dll) is no part of it, and some of it is in doubt:
# Dynare 5.3 takes unstable roots for stable ones in linear models in blocks.
_MODEL = re.compile(rf"\bmodel\s*({_PARENTHESES})\s*;", re.IGNORECASE)
_COMMANDS = re.compile(
    r"""^[ \t]*(?:\[[^\]\n]*\][ \t]*=[ \t]*|[\w.]+[ \t]*=[ \t]*)?
    (?P<command>stoch_simul|dynare_estimation|discretionary_policy|perfect_foresight_\w+|simul
    |extended_path|osr|dynare_identification|dynare_sensitivity|evaluate_smoother|dyn_forecast
    |imcforecast|(?:\w+_)?shock_decomposition|model_comparison|bvar_\w+|ms_\w+|mom\.run
    |occbin\.\w+|evaluate_planner_objective|ramsey_policy)[ \t]*[(;].*$""",
    re.MULTILINE | re.VERBOSE,
)
_NAME = re.compile(r"[A-Za-z]\w{0,40}")
_DUMP = """\
function dynare_solution(out, command)
global M_ options_ oo_
options_.order = 1; options_.irf = 0; options_.periods = 0; options_.nomoments = 1;
options_.nograph = 1; options_.noprint = 1; options_.nocorr = 1; options_.nofunctions = 1;
options_.loglinear = 0; options_.k_order_solver = 0; options_.aim_solver = 0;
options_.partial_information = 0; options_.ACES_solver = 0; options_.hp_filter = 0;
options_.pruning = 0; options_.qz_criterium = 1 + 1e-6; options_.TeX = 0;
tolerance = options_.solve_tolf;
if ~strcmp(command, 'discretionary_policy')
  [oo_.steady_state, M_.params, info] = steady_(M_, options_, oo_);
  if info(1), error('no steady state: %s', get_error_message(info, options_)); end
  options_.homotopy_mode = 0;
  for tight = [1e-14 1e-13 1e-12 1e-11 1e-10 1e-9 1e-8]
    if tight < tolerance && rests_within(tight), tolerance = tight; break; end
  end
  options_.solve_tolf = tolerance;
  [info, oo_, options_, M_] = stoch_simul(M_, options_, oo_, {});
else
  [info, oo_, options_, M_] = discretionary_policy(M_, options_, oo_, {});
end
if info(1), error('no solution: %s', get_error_message(info, options_)); end
dr = oo_.dr; s = struct();
s.endo = M_.endo_names; s.exo = M_.exo_names; s.original = M_.orig_endo_nbr;
s.params = M_.params; s.param_names = M_.param_names;
s.ys = dr.ys; s.ghx = dr.ghx; s.ghu = dr.ghu; s.order_var = dr.order_var;
klen = M_.maximum_endo_lag + M_.maximum_endo_lead + 1; z = repmat(dr.ys, 1, klen);
x = repmat([oo_.exo_steady_state; oo_.exo_det_steady_state]', klen + M_.maximum_lag, 1);
at = M_.lead_lag_incidence'; at = at(:) > 0; lag = M_.maximum_endo_lag + 1;
try
  [~, s.jacobian] = feval([M_.fname '.dynamic'], z(at), x, M_.params, dr.ys, lag);
  s.incidence = M_.lead_lag_incidence; s.lag = M_.maximum_endo_lag;
catch
end
s.states = M_.nstatic + (1:M_.nspred); s.S = M_.Sigma_e; s.tolerance = tolerance;
save('-v7', out, '-struct', 's');
exit(0);
end

function found = rests_within(tolerance)
% Whether the steady state can be had that exactly; a steady state file's one is solved on from.
global M_ options_ oo_
found = false; before = options_; options_.solve_tolf = tolerance;
for flag = unique([options_.steadystate_flag 0], 'stable')
  if flag ~= options_.steadystate_flag && options_.ramsey_policy, break; end
  options_.steadystate_flag = flag;
  try
    [ys, params, info] = steady_(M_, options_, oo_);
    if ~info(1), oo_.steady_state = ys; M_.params = params; found = true; return; end
  catch
  end
end
options_ = before;
end
"""


def version() -> str:
    """Dynare's, and Octave's."""
    found = re.search(r"'([\d.]+)'", (DYNARE / "dynare_version.m").read_text())
    octave = subprocess.run(["octave-cli", "--version"], capture_output=True, text=True, check=True)
    return f"Dynare {found.group(1) if found else '?'}, {octave.stdout.splitlines()[0]}"


def solve(path: Path, out: Path) -> str:
    """What Dynare says of the file at `path`: "solved", with its numbers in `out`, or a reason.

    Reasons begin with one of "deterministic", "no shocks", "refused", "time limit". The answer is
    kept beside `out` and given again at the next call.
    """
    said = out.with_suffix(".json")
    if not said.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            answer = _run(path, Path(folder), out)
        write_atomically(said, json.dumps({"dynare": answer}).encode())
    return str(json.loads(said.read_text())["dynare"])


def _run(path: Path, folder: Path, out: Path) -> str:
    for beside in path.parent.iterdir():
        if beside.is_file() and beside.stat().st_size <= _LARGEST:
            shutil.copy(beside, folder)
        elif beside.is_dir() and beside.name != ".git" and _small(beside):
            shutil.copytree(beside, folder / beside.name, symlinks=True)
    name = path.stem if _NAME.fullmatch(path.stem) else "model_file"
    text = _SIMULATES.sub("stoch_simul(order=1)", path.read_bytes().decode("latin-1"))
    text = _MODEL.sub(lambda m: "model(linear);" if "linear" in m[1].lower() else "model;", text)
    model = folder / f"{name}.mod"
    model.write_bytes(f"{text}\n\nstoch_simul(order=1);\n".encode("latin-1"))
    shutil.rmtree(folder / f"+{name}", ignore_errors=True)
    (folder / f"{name}.m").unlink(missing_ok=True)  # what an older Dynare left there
    code, printed = _limited(["dynare-preprocessor", model.name], folder)
    if code != 0:
        if "cannot contain both" in printed:
            return "deterministic: perfect foresight only"
        return _reason(code, printed)
    driver = folder / f"+{name}" / "driver.m"
    script = driver.read_bytes().decode("latin-1")
    asked = r"dynare_solution('solution.mat', '\g<command>');"
    driver.write_bytes(_COMMANDS.sub(asked, script).encode("latin-1"))
    (folder / "dynare_solution.m").write_text(_DUMP)
    evaluated = f"addpath('{DYNARE}'); dynare_config; warning('off', 'all'); {name}.driver"
    options = ["--no-gui", "--norc", "--no-history", "--quiet", "--eval", evaluated]
    code, printed = _limited(["octave-cli", *options], folder)
    found = folder / "solution.mat"
    if not found.exists():
        return _reason(code, printed)
    shutil.move(found, out)
    return "solved"


def _small(folder: Path) -> bool:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) <= _LARGEST


def _limited(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """Exit code and output of a command that has SECONDS of the processor's time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))

    try:
        done = subprocess.run(
            command,
            cwd=folder,
            preexec_fn=limit,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=20 * SECONDS,
        )
    except subprocess.TimeoutExpired:
        return -9, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def _reason(code: int, printed: str) -> str:
    if code in (-9, -24):
        return f"time limit: {SECONDS} s"
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    last = errors[0] if errors else (lines or ["says nothing"])[-1]
    return f"refused: {' '.join(last.split())[:200]}"
