"""What a study is built from, and the build that puts it together."""
