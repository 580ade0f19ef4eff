// A small HTTP server under load, which traces its own allocations: scripts/record-traces has it write traces/go.csv.zst.
//
// It keeps documents of all sizes in a cache of bounded size; clients in the same process put, get and list them, as
// JSON. Prints nothing; the execution trace goes to the file that is named.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/trace"
	"sort"
	"strings"
	"sync"
)

type document struct {
	Name  string            `json:"name"`
	Text  string            `json:"text"`
	Tags  []string          `json:"tags"`
	Count map[string]int    `json:"count,omitempty"`
	Links map[string]string `json:"links,omitempty"`
}

// A cache that forgets what came first.
type store struct {
	sync.Mutex
	documents map[string]*document
	order     []string
	limit     int
}

func (s *store) put(d *document) {
	s.Lock()
	defer s.Unlock()
	if s.documents[d.Name] == nil {
		s.order = append(s.order, d.Name)
	}
	s.documents[d.Name] = d
	for len(s.order) > s.limit {
		delete(s.documents, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *store) list(tag string) []string {
	s.Lock()
	defer s.Unlock()
	var names []string
	for name, d := range s.documents {
		for _, t := range d.Tags {
			if t == tag {
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	switch {
	case r.Method == http.MethodPut:
		d := &document{Count: map[string]int{}}
		if err := json.NewDecoder(r.Body).Decode(d); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, word := range strings.Fields(d.Text) {
			d.Count[word]++
		}
		s.put(d)
	case r.URL.Query().Get("tag") != "":
		json.NewEncoder(w).Encode(s.list(r.URL.Query().Get("tag")))
	default:
		s.Lock()
		d := s.documents[name]
		s.Unlock()
		if d == nil {
			http.NotFound(w, r)
			return
		}
		json.NewEncoder(w).Encode(d)
	}
}

func words(random *rand.Rand, n int) string {
	var b strings.Builder
	for i := 0; i < n; i++ {
		fmt.Fprintf(&b, "word%d ", random.Intn(200))
	}
	return b.String()
}

func client(url string, seed int64, requests int) {
	random := rand.New(rand.NewSource(seed))
	for i := 0; i < requests; i++ {
		name := fmt.Sprint("document", random.Intn(600))
		var request *http.Request
		switch random.Intn(4) {
		case 0, 1:
			d := document{Name: name, Text: words(random, 1<<random.Intn(9)), Tags: []string{fmt.Sprint("tag", random.Intn(20))}}
			body, _ := json.Marshal(d)
			request, _ = http.NewRequest(http.MethodPut, url+"/"+name, bytes.NewReader(body))
		case 2:
			request, _ = http.NewRequest(http.MethodGet, url+"/"+name, nil)
		default:
			request, _ = http.NewRequest(http.MethodGet, url+"/?tag=tag"+fmt.Sprint(random.Intn(20)), nil)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func main() {
	file, err := os.Create(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := trace.Start(file); err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(&store{documents: map[string]*document{}, limit: 300})
	var clients sync.WaitGroup
	for i := int64(0); i < 4; i++ {
		clients.Add(1)
		go func(seed int64) {
			defer clients.Done()
			client(server.URL, seed, 500)
		}(i)
	}
	clients.Wait()
	server.Close()
	trace.Stop()
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}
