// Package expression is the language of recsys.yaml's and of requests' expressions: formulas of feature operators, and conditions on
// the attributes of items.
//
// [Parse] makes a [Term] of a text. It computes a number, or is true or false; an operator turns it into nodes of a graph, and [Compile]
// into a [Condition], which says for all rows of a [Table] at once whether it holds:
//
//	c, err := expression.Compile("genres has 'Comedy' and year >= user.min_year", items, request)
//	keep, err := c.Rows(values) // a bitmap
//
// In falling order of precedence: numbers, texts in quotes, columns, calls and parentheses; -x; * and /; + and -; one of < <= > >= == != has
// in; not; and; or. "!", "&&" and "||" are other spellings of not, and, or. A column is a name of letters, digits and underscores, or
// anything between backquotes; user.NAME and context.NAME are columns of the request. has asks whether a list holds a value, in
// whether a value is one of a list: of (1, 2, 3) or of a column's.
//
// There is one null, which is neither true nor false. What is computed from null is null, but for is_null, for if, which looks at the
// condition and the chosen value only, and for "and" and "or", which do without an operand that changes nothing: "null and false" is
// false, "null or true" is true (Kleene 1938, the three-valued logic of SQL). Null are also divisions by 0, log1p of -1 and
// less, and what is no number, such as infinite minus infinite.
//
// There are no loops, no assignments and no access to anything but the columns: an expression of bounded length does a bounded amount of work.
package expression
