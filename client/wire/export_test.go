package wire

// EncodeCopy is tested from outside although only a big-endian machine uses it, which none of ours is.
var EncodeCopy = encodeCopy // a function under another name
