package synthetic_test

import (
	"fmt"

	"recsys/data/synthetic"
)

func ExampleShop() {
	shop, err := synthetic.Shop(synthetic.Golden())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(shop.Users.Len(), shop.Items.Len(), shop.Events.Len(), shop.Interactions.Len())
	categories, err := shop.Items.Column("categories")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(categories.Values().Rows(0, 3).Any())
	// Output:
	// 200 300 9731 7457
	// [electronics phones smartphones]
}
