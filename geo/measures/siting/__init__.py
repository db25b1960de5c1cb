"""Siting in a study: where new facilities of a standard should be built.

`document`    what a caller asks for, checked as far as it can be without a study
`candidates`  the places where a site may be: junctions, given places, existing facilities to enlarge
`reach`       which people each candidate would bring inside the standard, or how long they would travel to it
`problem`     the three together: rows of people, columns of candidates, what is already there, weights and costs
`search`      the choice of sites by `geo.measures.sites`, and its bound
`plan`        the order in which to build, the curve of coverage against the number of sites, and replacements
`measure`     all of it: a `Siting` for one standard

The matrices are those of `geo.measures.sites`, which chooses. What a choice achieves is computed again from it by the
coverage of the standard, so that `covered` is what the coverage will be when the sites are imported.
"""
