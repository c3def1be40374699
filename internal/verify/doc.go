// Package verify decides whether two engines give the same recommendations.
//
// Lists agree when ids are equal by position except where the reference scores differ by at most
// 1e-5·max(1,|s|): such items may change places, or swap with items beyond the end of the list. Scores agree within
// 1e-4·max(1,|s|). A user with a swap is counted; more than 0.5 % of users with swaps is a failure, and so is any other
// difference, an item that stands twice among them. The tolerances allow for float32 sums in another order and for nothing else.
package verify
