"""A grammar of economies: random linear economies, their data and what is true of them.

What an estimator of responses is learned on, when its user's economy is none of the worlds. Half
are factor models; others are VARs, sums of damped waves (VARMAs in modal form) and linear models of
rational expectations with random parameters. Series are in levels or differences, integrated or
not, share trends, and have noise of their own; data have drift, breaks, fat tails and volatility
that moves. The truth is the population's, from `linear_economy`.

How often and how much of each was set so that features of drawn series spread as those of real ones
do (`python -m studies.grammar`), and by nothing else: no benchmark was looked at.
"""
