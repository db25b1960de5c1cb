"""What people ask, answered alike for the API, the pages and the command line."""
