package feature

// Window cuts a history for training: it fills dst, [L], with the newest L items of a user's sequence strictly before
// position, oldest first, padded with 0 on the right. Items are encoded ids, oldest first; a null item (id 1) becomes
// padding, as it does in lists. A position beyond the sequence means all of it. Training cuts histories from encoded
// events instead of looking raw keys up again; the result equals the graph of a sequence operator on the raw window.
func Window(dst []int64, items []int32, position int32) {
	end := min(int(position), len(items))
	items = items[max(0, end-len(dst)):end]
	for i, id := range items {
		dst[i] = int64(id)
		if id == NullID {
			dst[i] = PaddingID
		}
	}
	clear(dst[len(items):])
}
