package main

import "recsys/gateway"

// accessFlags say who may use the public API.
type accessFlags struct {
	APIKeys   string       `name:"api-keys" type:"existingfile" placeholder:"FILE" help:"Keys of which requests need one: a line each, with a name and the SHA-256 of the key. The file may change at any time. Without it everybody may come in."`
	RateLimit gateway.Rate `placeholder:"N/UNIT" help:"Requests that each key, or without keys each address, may do in a second, minute or hour, such as 100/s."`
	Origins   []string     `name:"cors-origin" sep:"none" placeholder:"URL" help:"Origin whose pages may use the API from a browser, such as https://shop.example; again for more."`
}

// guard puts the flags into a gateway's configuration.
func (f accessFlags) guard(c *gateway.Config) (err error) {
	c.RateLimit, c.Origins = f.RateLimit, f.Origins
	if f.APIKeys != "" {
		c.Keys, err = gateway.OpenKeys(f.APIKeys)
	}
	return err
}
