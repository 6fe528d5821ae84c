"""Tokens to statements and blocks, as Dynare's preprocessor separates them.

A statement that begins with a word of Dynare's, or with a declared name, runs to its semicolon. A
block runs to its `end`. Any other line is native: MATLAB's or Octave's, and ends with its line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from emulator.worlds.dynare.places import Place, Refusal
from emulator.worlds.dynare.tokens import Token, spell


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


DECLARATIONS = _words(
    "var varexo varexo_det parameters predetermined_variables varobs varexobs model_local_variable "
    "trend_var log_trend_var"
)
BLOCKS = _words(
    """model steady_state_model initval endval shocks mshocks estimated_params
    estimated_params_init estimated_params_bounds estimated_params_remove histval
    observation_trends deterministic_trends homotopy_setup optim_weights osr_params_bounds
    conditional_forecast_paths moment_calibration irf_calibration verbatim epilogue
    ramsey_constraints svar_identification svar_global_identification_check shock_groups
    init2shocks generate_irfs occbin_constraints heteroskedastic_shocks filter_initial_state
    matched_moments matched_irfs matched_irfs_weights model_replace
    perfect_foresight_controlled_paths pac_target_info"""
)
# What no name of a model is, unless the `;` before it is missing.
RESERVED = DECLARATIONS | BLOCKS
# The first of these ends what counts: the model is answered as it stands there.
ANSWERS = _words(
    """stoch_simul estimation simul perfect_foresight_setup perfect_foresight_solver
    perfect_foresight_with_expectation_errors_setup extended_path osr identification
    calib_smoother dynare_sensitivity sensitivity method_of_moments forecast
    conditional_forecast shock_decomposition occbin_setup occbin_solver ramsey_policy"""
)
# Not a first-order model of what the file states, or not known to this reader.
REFUSED = {
    "discretionary_policy": "optimal policy without commitment is not read",
    "external_function": "functions written elsewhere are not run",
    "model_remove": "equations taken out again are not followed",
    "var_remove": "variables taken out again are not followed",
    "change_type": "changing a symbol's type is not followed",
    "trend_var": "models stated with their trends are not detrended here",
    "log_trend_var": "models stated with their trends are not detrended here",
    "model_replace": "equations replaced later are not followed",
}
_REMEDIES = {
    "discretionary_policy": "write the first-order conditions, or a rule, into the model block",
    "external_function": "write the function's formula into the model",
    "trend_var": "state the model in detrended variables",
    "log_trend_var": "state the model in detrended variables",
}
OTHERS = _words(
    """steady check resid model_info model_diagnostics model_comparison options_ varexobs
    planner_objective ramsey_model osr_params dsample unit_root_vars load_params_and_steady_state
    save_params_and_steady_state write_latex_dynamic_model write_latex_static_model
    write_latex_original_model write_latex_parameter_table write_latex_prior_table
    write_latex_definitions write_latex_steady_state_model collect_latex_files
    set_dynare_seed data prior_function posterior_function plot_priors rplot dynatype
    dynasave bvar_density bvar_forecast homotopy_mode initval_file histval_file
    print_bytecode_static_model evaluate_planner_objective plot_shock_decomposition
    realtime_shock_decomposition initial_condition_decomposition squeeze_shock_decomposition
    plot_conditional_forecast smoother2histval compilation_setup occbin_graph
    occbin_write_regimes plot_irf_matching var_model trend_component_model model_options
    discretionary_policy_setup"""
)
# Native control: what a line that begins with one of these governs does not always run.
CLOSES = _words("end endif endfor endwhile endswitch end_try_catch endparfor end_unwind_protect")
_CONTROL = CLOSES | _words(
    "if elseif else for while switch case otherwise try catch parfor unwind_protect do until"
)


@dataclass(frozen=True)
class Statement:
    """A statement or a block.

    keyword: Dynare's word in small letters, `=` for an assignment to a declared name, `native`, or
    `control` for a native line that begins with `if`, `end` or one of their like. tokens: a
    statement's tokens after the word and without the semicolon, a block's options; an assignment
    and a native line keep all of them. body: a block's statements.
    """

    keyword: str
    tokens: tuple[Token, ...]
    place: Place
    body: tuple[tuple[Token, ...], ...] = ()

    def __str__(self) -> str:
        """The statement as text that reads back as the same one."""
        if self.keyword == "native":
            return spell(self.tokens)
        if self.keyword == "=":
            return spell(self.tokens) + ";"
        if self.keyword not in BLOCKS:
            return f"{self.keyword} {spell(self.tokens)};"
        options = f"({spell(self.tokens)})" if self.tokens else ""
        inner = "".join(f"  {spell(part)};\n" for part in self.body)
        return f"{self.keyword}{options};\n{inner}end;"


def split(tokens: Sequence[Token]) -> Iterator[Statement]:
    """The statements of a file, one by one. Raises Refusal at the one that cannot be read."""
    return _Splitter(tokens).run()


class _Splitter:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.declared: set[str] = set()

    def run(self) -> Iterator[Statement]:
        while self.at < len(self.tokens):
            first = self.tokens[self.at]
            word = first.text.lower()
            if word == ";":
                self.at += 1
            elif word in REFUSED and first.kind == "name" and not self._is_assigned():
                remedy = _REMEDIES.get(word, "state the model without it")
                raise Refusal(first.place, f"{word}: {REFUSED[word]}; {remedy}")
            elif word in BLOCKS and first.kind == "name" and self._opens_block():
                yield self.block(word)
            elif self._is_dynare(first, word):
                self.at += 1
                statement = Statement(word, self.to_semicolon(word, first.place), first.place)
                if word in DECLARATIONS:
                    self.declared |= {t.text for t in declared(statement.tokens)}
                yield statement
            elif first.kind == "name" and first.text in self.declared:
                yield Statement("=", self.to_semicolon(first.text, first.place), first.place)
            else:
                yield self.native()

    def _is_assigned(self) -> bool:
        following = self.tokens[self.at + 1 : self.at + 2]
        return bool(following) and following[0].text == "="

    def _is_dynare(self, first: Token, word: str) -> bool:
        known = word in DECLARATIONS or word in ANSWERS or word in OTHERS
        return first.kind == "name" and known and not self._is_assigned()

    def _opens_block(self) -> bool:
        following = self.tokens[self.at + 1 : self.at + 2]
        return bool(following) and following[0].text in (";", "(")

    def to_semicolon(self, word: str, place: Place) -> tuple[Token, ...]:
        """The tokens up to the next semicolon, which is stepped over."""
        start = self.at
        while self.at < len(self.tokens):
            if self.tokens[self.at].text == ";":
                self.at += 1
                return tuple(self.tokens[start : self.at - 1])
            self.at += 1
        raise Refusal(place, f"{word}: the semicolon that ends it is missing")

    def block(self, word: str) -> Statement:
        place = self.tokens[self.at].place
        self.at += 1
        options = self.to_semicolon(word, place)
        if options and options[0].text == "(" and options[-1].text == ")":
            options = options[1:-1]
        body: list[tuple[Token, ...]] = []
        while self.at < len(self.tokens):
            if self._at_end(word == "verbatim"):
                if self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].text == ";":
                    self.at += 1
                self.at += 1
                return Statement(word, options, place, tuple(body))
            if word == "verbatim":
                self.at += 1
                continue
            start = self.tokens[self.at]
            statement = self.to_semicolon(f"{word} block", start.place)
            for one, two in pairwise(statement):
                if two.text.lower() == "end" and two.row > one.row and two is statement[-1]:
                    raise Refusal(one.place, f"{word} block: a semicolon is missing before `end`")
            if statement:
                body.append(statement)
        raise Refusal(place, f"{word} block: its `end;` is missing")

    def _at_end(self, strictly: bool) -> bool:
        token = self.tokens[self.at]
        if token.kind != "name" or token.text.lower() != "end":
            return False
        following = self.tokens[self.at + 1 : self.at + 2]
        if not following:
            return True
        closed = following[0].text == ";"
        return closed if strictly else closed or following[0].row > token.row

    def native(self) -> Statement:
        """The rest of this line, and the next ones where it ends in `...`."""
        start = self.at
        row = self.tokens[start].row
        while self.at < len(self.tokens) and self.tokens[self.at].row == row:
            self.at += 1
            if self.tokens[self.at - 1].text == "..." and self.at < len(self.tokens):
                row = self.tokens[self.at].row
        line = tuple(self.tokens[start : self.at])
        word = "control" if line[0].kind == "name" and line[0].text in _CONTROL else "native"
        return Statement(word, line, line[0].place)


def declared(tokens: Sequence[Token]) -> list[Token]:
    """The names that a declaration declares: what stands outside parentheses, TeX and quotes."""
    out: list[Token] = []
    level = 0
    for token in tokens:
        if token.kind in ("string", "tex"):
            continue
        level += (token.text == "(") - (token.text == ")")
        if level == 0 and token.kind == "name":
            out.append(token)
    return out
