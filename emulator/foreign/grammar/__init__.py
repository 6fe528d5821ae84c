"""A grammar of economies: random linear economies, their data and what is true of them.

What an estimator of responses is learned on, when its user's economy is none of the worlds. More
than half are factor models, most of them with series that adjust slowly; others are VARs, sums of
damped waves (VARMAs in modal form) and linear models of rational expectations with random
parameters. Series are in levels or differences, integrated or not, share trends, and have noise of
their own; data have drift, breaks, fat tails and volatility that moves. The truth is the
population's, from `linear_economy`.

How often and how much of each was set so that features of drawn series spread as those of real ones
do (`python -m studies.grammar`). No number of it comes from a benchmark; that an earlier grammar's
network erred on one at quarters 4 to 14 was why responses came to be among the features.
"""
