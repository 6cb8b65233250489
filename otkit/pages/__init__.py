"""What was found, for a person: one HTML file with its numbers, what they mean, and its pictures inside."""
