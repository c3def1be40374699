// Package redis runs a real redis-server for tests: on a free loopback port, with a random password, in a
// folder that the test removes.
//
//	server := redis.Start(t, "--appendonly", "yes", "--appendfsync", "always")
//	store, err := featureredis.Open(server.URL(), "shop")
//
// A test is skipped where the binary is absent. RECSYS_REDIS_SERVER names it; without the variable it is
// redis-server, looked up in PATH.
package redis
