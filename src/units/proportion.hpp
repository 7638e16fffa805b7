#pragma once

namespace skipstone {

// The 95 % confidence interval of a proportion, both ends in 0 … 1.
struct ProportionInterval {
    double low = 0, high = 1;
};

// Wilson's score interval (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927) for `successes` out of `trials`; 0 … 1 without
// trials. Expects 0 <= successes <= trials.
ProportionInterval confidence_interval(long successes, long trials);

// The probability that `trials` trials with that probability of success have at most, or at least (whichever is less
// likely), so many successes, times two: the exact binomial test. Expects 0 <= successes <= trials and 0 <= probability
// <= 1.
double binomial_test(long successes, long trials, double probability);

}  // namespace skipstone
