"""While reviewers answer: items and their facts, who is asked, comments, dates."""
