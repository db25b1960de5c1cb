"""Siting in a study: where new facilities of a standard should be built.

`document`     what a caller asks for, checked as far as it can be without a study
`candidates`   the places where a site may be: junctions, given places, existing facilities to enlarge
`reach`        which people each candidate would bring inside the standard, or how long they would travel to it
`problem`      rows of people, columns of candidates, and what each candidate is worth to each row
`question`     from a request to a problem
`search`       the choice of sites by `geo.measures.sites`, and its bound
`plan`         the order in which to build, a greedy choice with bounds, and replacements for each site
`scale`        in which unit a choice is valued
`curve`        what each number of sites can achieve
`description`  the sites as a reader sees them
`measure`      all of it: a `Siting` for one standard

The matrices are those of `geo.measures.sites`, which chooses. What a choice achieves is computed again from it by the
coverage of the standard, so that `covered` is what the coverage will be when the sites are imported.
"""
