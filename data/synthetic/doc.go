// Package synthetic makes data with a planted signal: a shop whose users have tastes.
//
// [Shop] makes users, items and events of a seeded shop as tables; [Tables.Write] writes them as csv.gz. Same [Config],
// same bytes, on every platform.
//
//	shop, err := synthetic.Shop(synthetic.Config{Seed: 1})
//	err = shop.Write(dir) // users.csv.gz, items.csv.gz, events.csv.gz, interactions.csv.gz
//
// What is planted: users have latent taste vectors that correlate with gender, age and city; items have vectors that
// correlate with their category and brand. A session stays in a category for a while; which category, and which item
// in it, depends on taste and on a popularity after Zipf. Whether a view is followed by a cart and a purchase depends on
// taste and on the price against the user's budget. So popularity recalls less than a model of tastes, and a ranker
// that predicts carts reaches an AUC well above one half: [Tables.Taste] and [Tables.Odds] tell the truth to compare with.
package synthetic
