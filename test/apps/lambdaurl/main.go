// Command lambdaurl is an application of net/http: behind a function URL it answers by aws-lambda-go's lambdaurl, anywhere
// else it serves on 127.0.0.1:$PORT.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambdaurl"
)

func main() {
	app := routes()
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambdaurl.Start(app, lambdaurl.WithDetectContentType(true))
		return
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), app))
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "<!doctype html><title>Go</title><p>für 3 €")
	})
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"id": r.PathValue("id"), "query": r.URL.Query(), "agent": r.UserAgent()})
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		json.NewEncoder(w).Encode(r.PostForm)
	})
	mux.HandleFunc("POST /upload", upload)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "s3cret=", Path: "/", HttpOnly: true})
		io.WriteString(w, "welcome")
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, r *http.Request) {
		for _, c := range r.Cookies() {
			fmt.Fprintf(w, "%s is %s\n", c.Name, c.Value)
		}
	})
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/items/1", http.StatusFound) })
	mux.HandleFunc("GET /big", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		piece := make([]byte, 128<<10)
		for i := range 64 {
			for j := range piece {
				piece[j] = byte(i)
			}
			w.Write(piece)
		}
	})
	mux.HandleFunc("DELETE /items/{id}", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

func upload(w http.ResponseWriter, r *http.Request) {
	file, head, err := r.FormFile("file")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", head.Header.Get("Content-Type"))
	io.Copy(w, file)
}
