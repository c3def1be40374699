package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/gateway"
	"recsys/test/triton"
)

// TestRefreshOnTriton refreshes items twice under a gateway on a real Triton: first prices alone, then new items too, which change the
// width of the bitmap and so the interface of a stage.
func TestRefreshOnTriton(t *testing.T) {
	if os.Getenv(triton.Env) == "" {
		t.Skip(triton.Env + " is not set: no real Triton to refresh")
	}
	shared := makeShared(t)
	repo := filepath.Join(t.TempDir(), "repo")
	recsys := func(args ...string) string {
		t.Helper()
		var out, log bytes.Buffer
		if code := run(t.Context(), args, output{&out, &log}); code != 0 {
			t.Fatalf("recsys %v ends with %d:\n%s%s", args, code, out.String(), log.String())
		}
		return out.String()
	}
	recsys("export", "--run", filepath.Join(shared, "run"), "--to", repo)
	s := triton.Start(t, repo, triton.Options{LoadModels: []string{"shop"}})
	gatewayURL := startGateway(t, "--repository", repo, "--triton", s.GRPC)
	items, err := os.ReadFile(filepath.Join(shared, "data", "items.csv"))
	if err != nil {
		t.Fatal(err)
	}
	refresh := func(name, table string) {
		t.Helper()
		folder, again := filepath.Join(t.TempDir(), name), filepath.Join(t.TempDir(), name+"-run")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "items.csv"), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
		recsys("refresh", "--run", filepath.Join(shared, "run"), "--data", folder, "--out", again)
		recsys("export", "--run", again, "--to", repo, "--refresh", "items")
		recsys("models", "publish", "--repository", repo, "--triton", s.GRPC)
		// Of 40 users one whose nearly equal scores change places is too many for verify; here only other answers count.
		var out, log bytes.Buffer
		code := run(t.Context(), []string{
			"verify", "--run", again, "--repository", repo, "--triton", s.GRPC, "--gateway", gatewayURL, "--json",
		}, output{&out, &log})
		reports := map[string]compared{}
		if err := json.Unmarshal(out.Bytes(), &reports); err != nil {
			t.Fatalf("verify ends with %d: %v\n%s", code, err, log.String())
		}
		for _, engine := range []string{"embedded", "triton", "rest"} {
			if r := reports[engine]; r.Users != 40 || r.Different > 0 || r.Edges.Users < 10 || r.Edges.Different > 0 {
				t.Errorf("%s: %s: %+v", name, engine, r)
			}
		}
	}
	// The server tells of every version that it loads; of those that stay it tells again where others come beside them.
	loads := func(model string) int { return strings.Count(s.Log(), "loading: "+model+":") }
	prep := loads("shop_prep")
	refresh("prices", strings.ReplaceAll(string(items), "|", "|sale|"))
	if loads("shop_prep") != prep || prep != 1 {
		t.Errorf("shop_prep has no items and was loaded %d times, before the refresh %d", loads("shop_prep"), prep)
	}
	recall := loads("shop_recall")
	refresh("items", string(items)+strings.Join(twins(string(items), 12), "\n")+"\n")
	if loads("shop_recall") != recall || loads("shop_recall_i2") != 1 {
		t.Errorf("shop_recall was loaded %d times, before %d; shop_recall_i2 %d times", loads("shop_recall"), recall, loads("shop_recall_i2"))
	}
	recommended := 0
	for user := 1; user <= 40; user++ {
		answer := recommend(t, gatewayURL, user)
		if answer.Degraded || answer.Model.Generation != 3 {
			t.Errorf("user %d: generation %d answers, degraded for %v", user, answer.Model.Generation, answer.DegradedReasons)
		}
		for _, item := range answer.Items {
			if len(item.ItemID) == 4 {
				recommended++
			}
		}
	}
	if recommended == 0 {
		t.Error("nobody is recommended a new item")
	}
	t.Logf("new items have %d places of 40 lists", recommended)
}

// twins are rows of n new items, with four digits, that have the features of the first ones.
func twins(table string, n int) []string {
	lines := strings.Split(table, "\n")[1 : n+1]
	for i, line := range lines {
		_, features, _ := strings.Cut(line, ",")
		lines[i] = fmt.Sprintf("%d,%s", 1000+i, features)
	}
	return lines
}

func recommend(t *testing.T, url string, user int) gateway.Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/recommendations",
		strings.NewReader(fmt.Sprintf(`{"user_id": %d, "num_results": 10}`, user)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // Only read from.
	var answer gateway.Answer
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("user %d: %s, %v", user, response.Status, err)
	}
	return answer
}
