# A table of prices as a text in C, a literal a line.
1i /* Made of packaging/prices/aws.csv. */
1i #include "price_table.h"
1i const char price_table_built_in[] =
s/["\\]/\\&/g
s/.*/"&\\n"/
$a ;
