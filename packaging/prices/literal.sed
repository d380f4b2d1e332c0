# A text as a literal of C, a line each.
s/["\\]/\\&/g
s/.*/"&\\n"/
