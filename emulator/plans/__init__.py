"""Plans of runs: data, training, evaluation and leaderboard by one command, restartable.

`plan` is the YAML file, `jobs` the single runs it asks for, `perform` does one of them (`tuning`
chooses its rate), `workers` several at once, and `carry_out` all. `preview` and `estimate` say
before how long that takes, `record` keeps what became of every run, `publish` copies into results/
what pages cite.
"""
